//! `.mcp.json` in a repository: servers that the CLI starts or connects to.

use serde_json::Value;

use super::{FileError, object};

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Its command line, or its address.
    pub runs: String,
}

/// Reads the servers of a file.
pub fn servers(text: &str) -> Result<Vec<Server>, FileError> {
    let keys = object(text)?;
    let listed = match keys.get("mcpServers") {
        Some(Value::Object(servers)) => servers,
        None if keys.is_empty() => return Ok(vec![]),
        // Some readers take servers from the top level.
        Some(_) | None => return Err(FileError::NoServers),
    };
    Ok(listed.iter().map(|(name, server)| Server { name: name.clone(), runs: runs(server) }).collect())
}

fn runs(server: &Value) -> String {
    let text = |key: &str| server[key].as_str().map(str::to_owned);
    let Some(command) = text("command") else { return text("url").unwrap_or_default() };
    let args = server["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
    std::iter::once(command.as_str()).chain(args).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_listed_with_what_they_run() {
        let text = r#"{"mcpServers":{"a":{"command":"npx","args":["-y","thing",3]},"b":{"type":"http","url":"https://b.example"},"c":7}}"#;
        let listed = servers(text).unwrap();
        let shown: Vec<_> =
            listed.iter().map(|server| (server.name.as_str(), server.runs.as_str())).collect();
        assert_eq!(shown, [("a", "npx -y thing"), ("b", "https://b.example"), ("c", "")]);
        assert_eq!(servers("{}").unwrap(), []);
        assert_eq!(servers(r#"{"mcpServers":{}}"#).unwrap(), []);
    }

    #[test]
    fn servers_in_another_place_are_not_taken_for_none() {
        for text in [r#"{"a":{"command":"x"}}"#, r#"{"mcpServers":[]}"#, "[]", "{,}"] {
            assert!(servers(text).is_err(), "{text}");
        }
    }
}
