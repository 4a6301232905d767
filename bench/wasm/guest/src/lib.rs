//! What a small handler does: reads JSON, adds a member, writes JSON. A member `do` says otherwise.

use extism_pdk::*;
use serde_json::Value;

#[plugin_fn]
pub fn handle(input: Vec<u8>) -> FnResult<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(&input)?;
    match value["do"].as_str() {
        Some("trap") => core::arch::wasm32::unreachable(),
        Some("spin") => loop {
            core::hint::black_box(());
        },
        _ => value["seen"] = true.into(),
    }
    Ok(serde_json::to_vec(&value)?)
}
