"""What the documents mean by their own formats, and a token for every request."""

import base64
import itertools
import os
import re
import uuid

import requests
import schemathesis
from hypothesis import strategies as st


def cpf(digits):
    """Completes nine digits with their two check digits (módulo 11)."""
    numbers = [int(digit) for digit in digits]
    for _ in range(2):
        weighted = sum(number * weight for number, weight in zip(reversed(numbers), range(2, 12)))
        numbers.append(weighted * 10 % 11 % 10)
    return "".join(map(str, numbers))


def punctuated(number):
    return f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"


# Ten equal digits are nobody's; and some of the demo's people, so that answers have bodies.
anybody = st.from_regex(r"[0-9]{9}", fullmatch=True).filter(lambda digits: len(set(digits)) > 1).map(cpf)
known = st.sampled_from(os.environ["DEMO_CPFS"].split(","))
plain = st.one_of(known, anybody)
schemathesis.openapi.format("cpf", st.one_of(plain, plain.map(punctuated)))


# Somebody new, whom neither the demo nor a request before has made.
new = (cpf(f"{number:09}") for number in itertools.count(987_000_000))


CLIENT = (os.environ["DEMO_CLIENT_ID"], os.environ["DEMO_CLIENT_SECRET"])


@schemathesis.auth(refresh_interval=120)
class ClientCredentials:
    """Tokens live minutes, a run may take longer. The issuer itself knows clients, not tokens."""

    def get(self, case, context):
        form = {"grant_type": "client_credentials"}
        answer = requests.post(f"{os.environ['DEMO_URL']}/oauth/token", form, auth=CLIENT, timeout=10)
        answer.raise_for_status()
        return answer.json()["access_token"]

    def set(self, case, data, context):
        basic = base64.b64encode(":".join(CLIENT).encode()).decode()
        case.headers["Authorization"] = f"Basic {basic}" if "oauth" in case.operation.path else f"Bearer {data}"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """A pattern says less than the format and keeps schemathesis from using it."""
    parts = [raw_schema]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            if part.get("format") == "cpf":
                part.pop("pattern", None)
            parts.extend(part.values())
        elif isinstance(part, list):
            parts.extend(part)


@schemathesis.hook
def filter_headers(context, headers):
    """Blanks around a header's value are no part of it (RFC 9110, 5.5): a key is not wrong for them."""
    return all(value == value.strip() for value in (headers or {}).values() if isinstance(value, str))


@schemathesis.hook
def before_call(context, case, kwargs):
    """Meets the rules that no schema says. What is wrong on purpose stays as it is."""
    if case.meta is not None and case.meta.generation.mode.is_negative:
        return
    operation = (case.operation.method.upper(), case.operation.path)
    if re.fullmatch("[ -~]{1,255}", case.headers.get("Idempotency-Key") or ""):
        # A key that was used for another request is refused.
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.headers.get("If-Match") == "0":
        # What the coverage phase sends where it makes no text of the pattern; by the schema it is wrong.
        case.headers["If-Match"] = "*"
    name_what_is_there(case, operation)
    if isinstance(case.body, dict):
        if operation == ("POST", "/financial-transactions"):
            # An id that is taken is refused; ficha gives a new one.
            drop(case.body, "id", lambda text: re.fullmatch("[0-9a-fA-F]{24}", text))
        if operation[0] in ("PUT", "PATCH") and operation[1] in ("/score/{cpf}", "/api/customers/{id}"):
            # A body names the CPF of its path or none.
            drop(case.body, "cpf", is_cpf)
        if operation == ("POST", "/api/customers") and is_cpf(str(case.body.get("cpf"))):
            # Somebody who is known is refused.
            case.body["cpf"] = next(new)
        # Nobody was born before 1900 or tomorrow.
        drop(case.body, "date_birth", is_instant)
        for name in ("max_age", "budget_ms"):
            whole(case.body, name)
        for thing in things(case.body):
            exact(thing)
            whole(thing, "id")
    if operation in (("GET", "/evento/movtofinanceiro/{cpf}"), ("GET", "/evento/totais/{cpf}")):
        query = case.query or {}
        # A cursor is what the page before gave, and no other text of its form.
        drop(query, "after", lambda text: re.fullmatch("[0-9A-Za-z_-]{27}", text))
        # Ends that contradict each other are refused: one end is enough.
        for least, most in (("from", "to"), ("min", "max")):
            if least in query and most in query:
                query.pop(least)


made = {"movement": [], "dossier": [], "customer": [], "customer dossier": []}
MAKES = {
    "/financial-transactions": "movement",
    "/dossies": "dossier",
    "/api/customers": "customer",
    "/api/public/customers-dossiers": "customer dossier",
}


@schemathesis.hook
def after_call(context, case, response):
    """Remembers what was made, so that not every id leads nowhere."""
    kind = MAKES.get(case.operation.path)
    if kind and response.status_code == 201:
        made[kind].append(response.json()["id"])


def name_what_is_there(case, operation):
    """Every second well-formed id becomes one that is there."""
    places = {
        ("PUT", "/financial-transactions"): (case.body, "id", "movement"),
        ("DELETE", "/financial-transactions/{cpf}"): (case.path_parameters, "cpf", "movement"),
        ("GET", "/dossies/{id}"): (case.path_parameters, "id", "dossier"),
        ("GET", "/api/customers-dossiers/{id}"): (case.path_parameters, "id", "customer dossier"),
    }
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        places[method, "/api/customers/{id}"] = (case.path_parameters, "id", "customer")
    fields, name, kind = places.get(operation, (None, None, None))
    if isinstance(fields, dict) and re.fullmatch("[0-9a-fA-F]{24}|[0-9a-fA-F-]{36}|[0-9]+", str(fields.get(name))):
        if made[kind] and int(str(fields[name])[-1], 16) % 2:
            fields[name] = made[kind][-1]


def drop(fields, name, is_fine):
    if isinstance(fields.get(name), str) and is_fine(fields[name]):
        del fields[name]


def is_cpf(text):
    return re.fullmatch(r"[0-9.-]{11,14}", text)


def is_instant(text):
    return re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text)


def things(body):
    """The body, and the debts, assets and incomes in it."""
    yield body
    for name in ("debts", "patrimonies", "sources_income"):
        items = body.get(name)
        yield from (item for item in items or [] if isinstance(item, dict)) if isinstance(items, list) else ()


def whole(fields, name):
    """To JSON Schema 1.0 is an integer; here integers are written without a point."""
    if isinstance(fields.get(name), float) and fields[name].is_integer():
        fields[name] = int(fields[name])


def exact(thing):
    """Numbers have at most two decimals: `multipleOf` says that of no decimal fraction that a float can hold."""
    value = thing.get("value")
    if isinstance(value, float) and abs(value) < 1e12:
        thing["value"] = round(value, 2)
