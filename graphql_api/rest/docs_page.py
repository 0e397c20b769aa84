"""The REST documentation as one page that needs no network: routes, fields, answers and a line to paste for each."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from graphql_api.errors import STATUS
from graphql_api.rest.openapi import REFERENCES, status_name
from graphql_api.rest.problems import TITLES
from graphql_api.rest.stylesheet import STYLESHEET

Json = Mapping[str, Any]

_DIGEST = base64.b64encode(hashlib.sha256(STYLESHEET.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
EXAMPLE_USER: Final = "user_123"


def page(document: Json, openapi_path: str) -> str:
    """The page that describes an OpenAPI document, as HTML.

    Args:
        document: as `openapi.document` makes it.
        openapi_path: where the document itself is served.
    """
    title = escape(f"{document['info']['title']}: REST")
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLESHEET}</style>
</head>
<body>
{_opening(title, document["info"], openapi_path)}
<nav aria-label="Routes"><ul>
{"".join(f"<li>{_signature(*operation)}</li>" for operation in operations)}
<li><a href="#problems">Problems</a></li>
</ul></nav>
<main>
{"".join(_section(document, *operation) for operation in operations)}
{_problems(document)}
</main>
</body>
</html>
"""


def _opening(title: str, info: Json, openapi_path: str) -> str:
    return f"""<header>
<h1>{title}</h1>
<p>Version {escape(info["version"])}. {escape(info["description"])}
The same as <a href="{escape(openapi_path)}">OpenAPI 3.1</a>.</p>
<p>Lines to paste expect the address in <code>$API</code> and a token in <code>$TOKEN</code>.</p>
</header>"""


def _problems(document: Json) -> str:
    return f"""<h2 id="problems">Problems</h2>
<p>A request that is refused did nothing. The answer is <code>application/problem+json</code> (RFC 9457).</p>
{_table(("code", "status", "meaning"), _problem_rows(), anchored=True)}
{_fields(document, document["components"]["schemas"]["Problem"])}"""


def _signature(method: str, path: str, operation: Json) -> str:
    name = escape(operation["operationId"])
    return (
        f'<span class="method">{method}</span> <a href="#{name}"><code>{escape(path)}</code></a> '
        f"{escape(operation['summary'])}"
    )


def _section(document: Json, method: str, path: str, operation: Json) -> str:
    parts = [
        f'<section id="{escape(operation["operationId"])}">',
        f'<h2><span class="method">{method}</span> <code>{escape(path)}</code></h2>',
        f"<p>{escape(operation['summary'])}. {_prose(operation['description'])}</p>",
        f"<pre>{escape(_curl(path, operation))}</pre>",
    ]
    if parameters := operation.get("parameters"):
        described = [(_code(p["name"]), p["in"], escape(p["description"])) for p in parameters]
        parts += ["<h3>Parameters</h3>", _table(("name", "in", "meaning"), described)]
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        parts += ["<h3>Request</h3>", _fields(document, body)]
    parts += ["<h3>Answer</h3>", _fields(document, _answer_schema(operation))]
    rows = [
        (escape(status_name(int(status))), _prose(r["description"])) for status, r in operation["responses"].items()
    ]
    parts += ["<h3>Statuses</h3>", _table(("status", "meaning"), rows), "</section>"]
    return "\n".join(parts)


def _answer_schema(operation: Json) -> Json:
    answer: Json = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return answer


def _curl(path: str, operation: Json) -> str:
    lines = [f"curl -s $API{path.replace('{userId}', EXAMPLE_USER)}"]
    if {} not in operation["security"]:
        lines[0] += ' -H "Authorization: Bearer $TOKEN"'
    if "requestBody" in operation:
        example = operation["requestBody"]["content"]["application/json"].get("example", {})
        lines[0] += ' -H "Content-Type: application/json"'
        lines.append(f"  -d '{json.dumps(example, indent=2)}'")
    return " \\\n".join(lines)


def _fields(document: Json, schema: Json) -> str:
    rows = [
        (_code(path), escape(kind), "yes" if required else "", _prose(meaning))
        for path, kind, required, meaning in _walk(document, schema, "")
    ]
    return _table(("field", "type", "required", "meaning"), rows)


def _walk(document: Json, schema: Json, prefix: str) -> Iterator[tuple[str, str, bool, str]]:
    resolved = _resolved(document, schema)
    required = set(resolved.get("required", ()))
    for name, field in resolved.get("properties", {}).items():
        inner, suffix = _inside(document, field)
        meaning = field.get("description") or inner.get("description", "")
        yield prefix + name + suffix, _type(document, field), name in required, meaning
        yield from _walk(document, inner, f"{prefix}{name}{suffix}.")


def _inside(document: Json, field: Json) -> tuple[Json, str]:
    """The schema that a field's value, or each of its entries, has; and how its path shows that there are many."""
    chosen = next((option for option in field.get("anyOf", ()) if option.get("type") != "null"), field)
    resolved = _resolved(document, chosen)
    if resolved.get("type") == "array":
        return _resolved(document, resolved["items"]), "[]"
    return resolved, ""


def _type(document: Json, schema: Json) -> str:
    resolved = _resolved(document, schema)
    if "anyOf" in resolved:
        return " or ".join(dict.fromkeys(_type(document, option) for option in resolved["anyOf"]))
    if "enum" in resolved:
        return " | ".join(map(str, resolved["enum"]))
    if resolved.get("type") == "array":
        return f"list of {_type(document, resolved['items'])}"
    name = resolved.get("format") or resolved.get("type", "any")
    default = schema.get("default")
    return f"{name}, default {json.dumps(default)}" if default not in (None, "") and name != "object" else str(name)


def _resolved(document: Json, schema: Json) -> Json:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Json = document["components"]["schemas"][reference.removeprefix(REFERENCES.format(model=""))]
    return found


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, anchored: bool = False) -> str:
    """A table of cells that are HTML; in an anchored one the text of each first cell is its row's id."""
    head = "".join(f"<th>{name}</th>" for name in heads)
    lines = "".join(
        f"<tr{_id(row[0]) if anchored else ''}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def _id(cell: str) -> str:
    return f' id="{cell.removeprefix("<code>").removesuffix("</code>")}"'


def _problem_rows() -> list[tuple[str, ...]]:
    return [(_code(code), escape(status_name(STATUS[code])), escape(title)) for code, title in TITLES.items()]


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _prose(text: str) -> str:
    """Text with `code` in backticks, as HTML."""
    pieces = text.split("`")
    return "".join(_code(piece) if index % 2 else escape(piece) for index, piece in enumerate(pieces))
