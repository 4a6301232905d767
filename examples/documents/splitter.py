"""Cuts a Markdown document into its sections: one payload in, one payload a section out."""


class BrokenDocument(ValueError):
    """The document cannot be cut into sections."""


def process(payload):
    name, text = payload["doc"], payload["text"]
    sections, title, lines = [], "(opening)", []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("#"):
            lines.append(line)
            continue
        if any(line.strip() for line in lines):
            sections.append((title, lines))
        title, lines = line.lstrip("#").strip(), []
        if not title:
            raise BrokenDocument(f"{name}, line {number}: a heading without a title")
    if any(line.strip() for line in lines):
        sections.append((title, lines))
    return [
        {"doc": name, "section": index, "title": title, "text": "\n".join(lines).strip()}
        for index, (title, lines) in enumerate(sections)
    ]
