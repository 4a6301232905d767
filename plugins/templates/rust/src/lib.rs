//! Counts the words of a text and finds the longest one.

use extism_pdk::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    text: String,
}

#[derive(Serialize)]
struct Summary<'a> {
    text: &'a str,
    words: usize,
    longest: &'a str,
}

#[plugin_fn]
pub fn handle(input: Vec<u8>) -> FnResult<String> {
    let Ok(Input { text }) = serde_json::from_slice(&input) else {
        return Err(failure("ValueError", "text: a string is needed"));
    };
    let min_length = config::get("min_length")?
        .and_then(|setting| setting.parse().ok())
        .unwrap_or(1);
    let summary = summarize(&text, min_length);
    info!("{} words", summary.words);
    Ok(serde_json::to_string(&summary)?)
}

fn summarize(text: &str, min_length: usize) -> Summary<'_> {
    let mut summary = Summary { text, words: 0, longest: "" };
    let mut most = 0;
    for word in text.split_ascii_whitespace() {
        let length = word.chars().count();
        if length < min_length {
            continue;
        }
        summary.words += 1;
        if length > most {
            most = length;
            summary.longest = word;
        }
    }
    summary
}

/// An error with a type, which retry rules see.
fn failure(kind: &str, message: &str) -> WithReturnCode<Error> {
    let error = serde_json::json!({ "type": kind, "message": message });
    WithReturnCode::new(Error::msg(error.to_string()), 1)
}
