"""Cuts a Markdown document into its sections: one payload in, one payload a section out."""


class BrokenDocument(ValueError):
    """The document cannot be cut into sections."""


def process(payload):
    name = payload["doc"]
    sections = [{"doc": name, "section": 0, "title": "", "text": ""}]
    for number, line in enumerate(payload["text"].splitlines(), start=1):
        if not line.startswith("#"):
            sections[-1]["text"] += line + "\n"
            continue
        title = line.lstrip("#").strip()
        if not title:
            raise BrokenDocument(f"{name}, line {number}: a heading without a title")
        sections.append({"doc": name, "section": len(sections), "title": title, "text": ""})
    return [section for section in sections if section["title"] or section["text"].strip()]
