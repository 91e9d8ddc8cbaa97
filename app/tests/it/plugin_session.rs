//! A session of the real `claude` CLI with the plugin loaded, against the model server.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::model_server::{Asked, ModelServer, Reply};
use crate::real_claude::claude;
use crate::sandbox::{Ran, Sandbox, pointsman};

/// A request for the sonnet tier, which the main model hands on in parts.
pub const PROMPT: &str = "add a --json flag to the export command and tests for it";

/// A part for the haiku tier.
pub const MECHANICAL: &str = "rename foo to bar in lib.rs";

/// A part that a person must approve.
pub const DANGEROUS: &str = "drop the users table in the production database";

pub struct Session {
    pub sandbox: Sandbox,
    pub server: ModelServer,
    pub claude: PathBuf,
}

pub fn plugin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("plugin/pointsman")
}

impl Session {
    pub fn new(mode: &str, script: impl FnMut(&Asked) -> Reply + Send + 'static) -> Session {
        let claude = claude();
        let server = ModelServer::start(script);
        let path = std::env::var("PATH").unwrap_or_default();
        let own = pointsman().parent().unwrap().to_str().unwrap().to_owned();
        let sandbox = Sandbox::new()
            .env("PATH", &format!("{own}:{path}"))
            .env("POINTSMAN_MODE", mode)
            .env("POINTSMAN_HOOK_LIMIT_MS", "4000")
            .env("ANTHROPIC_BASE_URL", &server.url())
            .env("ANTHROPIC_API_KEY", "sk-ant-none")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        Session { sandbox, server, claude }
    }

    pub fn env(self, name: &str, value: &str) -> Session {
        Session { sandbox: self.sandbox.env(name, value), ..self }
    }

    /// Hands a prompt in, with the plugin loaded.
    pub fn ask(&self, prompt: &str) -> Ran {
        self.ask_with([], prompt)
    }

    /// The same, with further arguments for the CLI.
    pub fn ask_with<const N: usize>(&self, further: [&str; N], prompt: &str) -> Ran {
        let plugin = plugin();
        let usual =
            ["-p", "--model", "sonnet", "--plugin-dir", plugin.to_str().unwrap(), "--output-format", "json"];
        let mut call = self.sandbox.call(usual);
        call.args.extend(further.map(str::to_owned));
        call.of_program(&self.claude).stdin(prompt).wait()
    }

    /// Returns the requests of subagents.
    pub fn of_subagents(&self) -> Vec<Asked> {
        self.server.asked().into_iter().filter(Asked::of_subagent).collect()
    }

    pub fn report(&self) -> Value {
        self.sandbox.call(["report", "compliance", "-o", "json"]).wait().success().json()
    }

    /// Returns the counts of one scope: followed, ignored, overridden, not applicable, unknown.
    pub fn counts(&self, scope: &str) -> [u64; 5] {
        let report = self.report();
        let group = report["by_scope"].as_array().unwrap().iter().find(|group| group["scope"] == scope);
        ["followed", "ignored", "overridden", "not_applicable", "unknown"]
            .map(|key| group.map_or(0, |group| group[key].as_u64().unwrap()))
    }
}

/// A main model that hands on a part to whom it names, and a subagent that answers.
pub fn hands_on(part: &'static str, whom: Value) -> impl FnMut(&Asked) -> Reply + Send + 'static {
    move |asked| {
        if asked.of_subagent() {
            return Reply::text("the part is done");
        }
        let is_first = !asked.body["messages"].to_string().contains("tool_use");
        if !is_first {
            return Reply::text("all is done");
        }
        let mut input = json!({"description": "a part", "prompt": part, "run_in_background": false});
        input.as_object_mut().unwrap().extend(whom.as_object().unwrap().clone());
        Reply::tool("Agent", input)
    }
}

pub fn general(model: &str) -> Value {
    json!({"subagent_type": "general-purpose", "model": model})
}
