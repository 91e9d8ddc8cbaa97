//! JSON schemas of the fields whose type is one of core's: core needs no schema library, so their values are listed
//! here.

use pointsman_core::agent::{PermissionMode, PermissionProfile, Tier};
use schemars::{Schema, SchemaGenerator, json_schema};

/// `AdapterKind`.
pub(super) fn adapter(_: &mut SchemaGenerator) -> Schema {
    one_of(&["claude", "plain"])
}

/// `Tier`.
pub(super) fn tier(_: &mut SchemaGenerator) -> Schema {
    one_of(&Tier::ALL.map(Tier::as_str))
}

/// `Access`.
pub(super) fn access(_: &mut SchemaGenerator) -> Schema {
    one_of(&["read-only", "write"])
}

/// `PermissionMode`.
pub(super) fn permission_mode(_: &mut SchemaGenerator) -> Schema {
    one_of(&PermissionMode::ALL.map(PermissionMode::as_str))
}

/// `PermissionProfile`.
pub(super) fn permission_profile(_: &mut SchemaGenerator) -> Schema {
    one_of(&PermissionProfile::ALL.map(PermissionProfile::as_str))
}

/// `Billing`.
pub(super) fn billing(_: &mut SchemaGenerator) -> Schema {
    one_of(&["auto", "subscription", "api"])
}

/// `RoutingMode`.
pub(super) fn routing_mode(_: &mut SchemaGenerator) -> Schema {
    one_of(&["directive", "enforced", "orchestration", "hybrid", "experiment", "off"])
}

/// `AgentHooks`.
pub(super) fn agent_hooks(_: &mut SchemaGenerator) -> Schema {
    one_of(&["keep", "disable"])
}

/// `OnModelMismatch`.
pub(super) fn on_model_mismatch(_: &mut SchemaGenerator) -> Schema {
    one_of(&["flag", "retry", "fail"])
}

/// `UnreachableModel`.
pub(super) fn unreachable_models(_: &mut SchemaGenerator) -> Schema {
    one_of(&["alias", "refuse"])
}

fn one_of(words: &[&str]) -> Schema {
    json_schema!({ "type": "string", "enum": words })
}

#[cfg(test)]
mod tests {
    use pointsman_core::agent::{Access, AdapterKind, AgentHooks, Billing};
    use pointsman_core::hook::delegation::UnreachableModel;
    use pointsman_core::hook::mode::RoutingMode;
    use pointsman_core::run::next::OnModelMismatch;
    use serde::de::DeserializeOwned;

    use super::*;

    #[test]
    fn the_words_of_a_schema_are_those_of_its_type() {
        fn all_read<T: DeserializeOwned>(schema: fn(&mut SchemaGenerator) -> Schema, count: usize) {
            let schema = schema(&mut SchemaGenerator::default());
            let words = schema.get("enum").unwrap().as_array().unwrap().clone();
            assert_eq!(words.len(), count);
            for word in words {
                assert!(serde_json::from_value::<T>(word.clone()).is_ok(), "{word}");
            }
        }
        all_read::<AdapterKind>(adapter, 2);
        all_read::<Tier>(tier, 3);
        all_read::<Access>(access, 2);
        all_read::<PermissionMode>(permission_mode, 6);
        all_read::<Billing>(billing, 3);
        all_read::<AgentHooks>(agent_hooks, 2);
        all_read::<OnModelMismatch>(on_model_mismatch, 3);
        all_read::<RoutingMode>(routing_mode, 6);
        all_read::<UnreachableModel>(unreachable_models, 2);
    }
}
