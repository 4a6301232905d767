//! JSON as text: checks it and finds its parts, so that whatever is passed on keeps its bytes.

const DEEPEST: usize = 2_000;

/// Checks strict JSON in UTF-8; the text of its value without the white space around it.
pub fn check(bytes: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    let mut scan = Scan { bytes, at: 0 };
    scan.space();
    let start = scan.at;
    scan.value(0)?;
    let end = scan.at;
    scan.space();
    if scan.at != bytes.len() {
        return Err(format!("text after the value at byte {}", scan.at));
    }
    Ok(&text[start..end])
}

/// The members of an object that has been checked, values as text; none where it is no object.
pub fn members(object: &str) -> Option<Vec<(String, &str)>> {
    let mut found = Vec::new();
    let mut scan = Scan::inside(object, b'{')?;
    while !scan.over(b'}') {
        let start = scan.at;
        scan.string().ok()?;
        let name = text(&object[start..scan.at])?;
        scan.space();
        scan.at += 1; // the colon
        found.push((name, scan.part(object)?));
    }
    Some(found)
}

/// The elements of an array that has been checked, as text.
pub fn elements(array: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    let mut scan = Scan::inside(array, b'[')?;
    while !scan.over(b']') {
        found.push(scan.part(array)?);
    }
    Some(found)
}

/// The last member of that name.
pub fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    members(object)?
        .into_iter()
        .rev()
        .find(|(its, _)| its == name)
        .map(|(_, value)| value)
}

/// A number's value.
pub fn number(value: Option<&str>) -> Option<f64> {
    value
        .filter(|text| text.starts_with(|c: char| c == '-' || c.is_ascii_digit()))?
        .parse()
        .ok()
}

/// What a string says; a surrogate without its other half becomes U+FFFD.
pub fn text(string: &str) -> Option<String> {
    let inner = string.strip_prefix('"')?.strip_suffix('"')?;
    let mut units = Vec::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let plain = match (c, c == '\\') {
            (_, false) => c,
            _ => match chars.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => {
                    let digits: String = chars.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).ok()?);
                    continue;
                }
                other => other,
            },
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    Some(String::from_utf16_lossy(&units))
}

/// A text as JSON.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{0}'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// An object of members that are JSON already.
pub fn object<N: AsRef<str>, V: AsRef<str>>(members: &[(N, V)]) -> String {
    let parts: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}:{}", quote(name.as_ref()), value.as_ref()))
        .collect();
    format!("{{{}}}", parts.join(","))
}

/// Sets one member.
pub fn set(members: &mut Vec<(String, String)>, name: &str, value: String) {
    match members.iter_mut().find(|(its, _)| its == name) {
        Some(found) => found.1 = value,
        None => members.push((name.to_string(), value)),
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    /// Within a checked object or array.
    fn inside(text: &'a str, open: u8) -> Option<Scan<'a>> {
        let bytes = text.as_bytes();
        (bytes.first() == Some(&open)).then_some(Scan { bytes, at: 1 })
    }

    /// Skips what is between parts; whether there are no more.
    fn over(&mut self, close: u8) -> bool {
        self.space();
        if self.peek() == b',' {
            self.at += 1;
            self.space();
        }
        self.peek() == close
    }

    fn part(&mut self, text: &'a str) -> Option<&'a str> {
        self.space();
        let start = self.at;
        self.value(0).ok()?;
        Some(&text[start..self.at])
    }

    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn fail<T>(&self, expected: &str) -> Result<T, String> {
        Err(format!("expected {expected} at byte {}", self.at))
    }

    fn value(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return self.fail("less nesting");
        }
        match self.peek() {
            b'{' => self.list(b'}', depth, true),
            b'[' => self.list(b']', depth, false),
            b'"' => self.string(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.fail("a value"),
        }
    }

    fn list(&mut self, close: u8, depth: usize, named: bool) -> Result<(), String> {
        self.at += 1;
        self.space();
        if self.peek() == close {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            if named {
                self.string()?;
                self.space();
                if self.peek() != b':' {
                    return self.fail("a colon");
                }
                self.at += 1;
                self.space();
            }
            self.value(depth + 1)?;
            self.space();
            let next = self.peek();
            if next != close && next != b',' {
                return self.fail("a comma or the end of the list");
            }
            self.at += 1;
            if next == close {
                return Ok(());
            }
        }
    }

    fn string(&mut self) -> Result<(), String> {
        if self.peek() != b'"' {
            return self.fail("a string");
        }
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    let digits = match self.peek() {
                        b'u' => 4,
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 0,
                        _ => return self.fail("an escape"),
                    };
                    for _ in 0..digits {
                        self.at += 1;
                        if !self.peek().is_ascii_hexdigit() {
                            return self.fail("four hexadecimal digits");
                        }
                    }
                    self.at += 1;
                }
                Some(0..=0x1f) | None => return self.fail("the rest of a string"),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return self.fail("a value");
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), String> {
        if !self.peek().is_ascii_digit() {
            return self.fail("a digit");
        }
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }
}
