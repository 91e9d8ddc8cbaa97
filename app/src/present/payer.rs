//! The payer as text.

use pointsman_core::agent_env::Payer;

use crate::plain_text::plain_text;

/// Returns who pays.
pub fn text(payer: Payer) -> String {
    match payer {
        Payer::Subscription => "billed to the subscription".to_owned(),
        Payer::ApiKey => "billed to the API key".to_owned(),
        Payer::Cloud(cloud) => format!("billed to {}", cloud.title()),
        Payer::Unknown => "the agent's own settings decide who pays".to_owned(),
    }
}

/// Returns who pays, and through which gateway.
pub fn text_with_gateway(payer: Payer, gateway: Option<&str>) -> String {
    match gateway {
        Some(host) => format!("{}, through {}", text(payer), plain_text(host)),
        None => text(payer),
    }
}
