//! The handlers of runtime/conformance/README.md; a runtime of your own does not need them to work,
//! only to be proven right.

use crate::json;
use crate::runtime::{owned, Call, Handler};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

static BESIDE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

type Outcome = Result<(), String>;

pub fn handler(name: &str) -> Result<Handler, String> {
    match std::env::var("CONFORMANCE_LOAD").as_deref() {
        Ok("slow") => thread::sleep(Duration::from_millis(2_500)),
        Ok("broken") => return Err("no such model".into()),
        _ => {}
    }
    let handler: fn(&mut Call) -> Outcome = match name {
        "echo" => echo,
        "wrap" => |call| {
            call.answer(format!("{{\"was\":{}}}", call.payload));
            Ok(())
        },
        "fan" => |call| {
            (0..count(call, "n")).for_each(|i| call.answer(format!("{{\"i\":{i}}}")));
            Ok(())
        },
        "nothing" => |_| Ok(()),
        "fail" => |call| {
            let text = json::member(call.payload, "message").and_then(json::text);
            Err(text.unwrap_or_default())
        },
        "unjson" => |call| {
            call.answer("{no JSON");
            Ok(())
        },
        "big" => |call| {
            call.answer(format!("\"{}\"", "x".repeat(count(call, "bytes"))));
            Ok(())
        },
        "noisy" => |call| {
            println!("a line\n\u{4e16} \0\0\0\u{c}\u{84}\0\0\0");
            echo(call)
        },
        "crash" => |call| match json::member(call.payload, "crash") {
            Some(_) => std::process::exit(9),
            None => echo(call),
        },
        "nap" => nap,
        "wait" => |call| {
            let ms = count(call, "ms");
            call.wait(Duration::from_millis(ms as u64))?;
            call.answer(format!("{{\"waited\":{ms}}}"));
            Ok(())
        },
        "partials" => |call| {
            let (n, ms) = (count(call, "n"), count(call, "ms"));
            for i in 0..n {
                call.partial(&format!("{{\"i\":{i}}}"));
                thread::sleep(Duration::from_millis(ms as u64));
            }
            call.answer(format!("{{\"n\":{n}}}"));
            Ok(())
        },
        "meter" => |call| {
            let tokens = json::number(json::member(call.payload, "tokens")).unwrap_or(0.0);
            call.metric("tokens", tokens, &[("model", "m")]);
            echo(call)
        },
        "envelope" => envelope,
        other => return Err(format!("there is no handler {other:?}")),
    };
    Ok(Box::new(handler))
}

fn count(call: &Call, name: &str) -> usize {
    json::number(json::member(call.payload, name)).unwrap_or(0.0) as usize
}

fn echo(call: &mut Call) -> Outcome {
    call.answer(call.payload);
    Ok(())
}

fn nap(call: &mut Call) -> Outcome {
    MOST.fetch_max(BESIDE.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    thread::sleep(Duration::from_millis(count(call, "ms") as u64));
    BESIDE.fetch_sub(1, Ordering::SeqCst);
    call.answer(format!("{{\"most\":{}}}", MOST.load(Ordering::SeqCst)));
    Ok(())
}

fn envelope(call: &mut Call) -> Outcome {
    let mut out = owned(call.envelope);
    let mut payload = call.payload.to_string();
    let route_text = json::member(call.envelope, "route").ok_or("no route")?;
    let actors = json::member(route_text, "actors")
        .and_then(json::elements)
        .ok_or("no actors")?;
    let mut actors: Vec<String> = actors.into_iter().map(String::from).collect();
    let mut current = json::number(json::member(route_text, "current")).unwrap_or(0.0) as usize;
    let mut times = 1;
    match json::member(call.payload, "do")
        .and_then(json::text)
        .unwrap_or_default()
        .as_str()
    {
        "same" => {
            call.answer_envelope(call.envelope, payload);
            return Ok(());
        }
        "nothing" => return Ok(()),
        "fail" => return Err("failed in envelope mode".into()),
        "bare" => {
            call.answer_envelope("{}", "1");
            return Ok(());
        }
        "insert" => actors.insert(current + 1, "\"extra\"".into()),
        "truncate" => actors.truncate(current + 1),
        "rewrite" => actors[0] = "\"other\"".into(),
        "erase" => {
            actors.remove(0);
            current = current.saturating_sub(1);
        }
        "header" => {
            let mut headers = owned(json::member(call.envelope, "headers").unwrap_or("{}"));
            json::set(&mut headers, "added", "\"yes\"".into());
            json::set(&mut out, "headers", json::object(&headers));
        }
        "replace" => payload = "{\"new\":1}".into(),
        "keys" => {
            let mut names: Vec<String> = out.iter().map(|(name, _)| json::quote(name)).collect();
            names.push("\"payload\"".into());
            names.sort();
            payload = format!("[{}]", names.join(","));
        }
        "fan" => times = 2,
        _ => {}
    }
    let mut route = owned(route_text);
    json::set(&mut route, "actors", format!("[{}]", actors.join(",")));
    json::set(&mut route, "current", (current + 1).to_string());
    json::set(&mut out, "route", json::object(&route));
    for i in 0..times {
        let each = if times > 1 {
            format!("{{\"i\":{i}}}")
        } else {
            payload.clone()
        };
        call.answer_envelope(json::object(&out), each);
    }
    Ok(())
}
