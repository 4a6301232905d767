//! The worked handler: counts the words of a text and stops when it is cancelled.
//!
//!     ASYA_HANDLER=words ASYA_SOCKET_DIR=/tmp/asya ./runtime

mod conformance;
mod json;
mod runtime;

use runtime::{Call, Handler};
use std::collections::HashMap;
use std::time::Duration;

/// Answers `{"text": "..."}` with `{"words": n, "most": the most frequent one}`.
fn words(call: &mut Call) -> Result<(), String> {
    let text = json::member(call.payload, "text").and_then(json::text);
    let text = text.ok_or("expected {\"text\": a string}")?.to_lowercase();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut all = 0;
    for word in text.split_whitespace() {
        all += 1;
        if all % 100_000 == 0 {
            call.wait(Duration::from_millis(1))?;
            call.partial(&format!("{{\"counted\":{all}}}"));
        }
        *counts.entry(word).or_default() += 1;
    }
    let most = counts
        .iter()
        .max_by_key(|(word, count)| (**count, std::cmp::Reverse(**word)));
    let most = json::quote(most.map_or("", |(word, _)| word));
    call.metric("words", all as f64, &[]);
    call.answer(format!("{{\"words\":{all},\"most\":{most}}}"));
    Ok(())
}

fn main() {
    runtime::serve(|name| match name {
        "words" => Ok(Box::new(words) as Handler),
        other => conformance::handler(other),
    })
}
