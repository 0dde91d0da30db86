"""Recorded sessions with the facility's database, answered again without network, whatever asks."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import yaml
from requests.adapters import BaseAdapter

ADDRESS = "http://exflcalproxy.desy.de:8080"


def question(url: str, body: Any) -> tuple[Any, ...]:
    """What is asked, however times, lists and the order of words are written."""
    parts = urlsplit(url)
    words = {name: _plain(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True)}
    asked = json.loads(body)["parameters_conditions_attributes"] if body else []
    condition = {one["parameter_name"]: one["value"] for one in asked}
    return parts.path, tuple(sorted(words.items())), tuple(sorted(condition.items()))


def _plain(name: str, value: str) -> Any:
    if name in ("event_at", "pdu_snapshot_at") and value:
        found = datetime.fromisoformat(value)
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC).isoformat()
    return tuple(sorted(ast.literal_eval(value))) if name == "calibration_id" else value


class Replayed(BaseAdapter):
    """Answers of one session; other questions are not answered, as without network."""

    def __init__(self, *paths: Path) -> None:
        super().__init__()
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self.recorded = [one for path in paths for one in yaml.load(path.read_text(), loader)["interactions"]]
        self.answers = {question(one["request"]["uri"], one["request"]["body"]): one["response"]
                        for one in self.recorded}
        self.asked: list[tuple[Any, ...]] = []
        self.gone = False

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        key = question(str(request.url), request.body)
        self.asked.append(key)
        if not self.gone and key not in self.answers and (rows := self._of_fewer(key)) is not None:
            return _response(request, 200, {}, json.dumps(rows).encode())
        if self.gone or key not in self.answers:
            raise requests.ConnectionError(f"{'no network' if self.gone else f'{key} was not recorded'}")
        told = self.answers[key]
        headers = {name: values[0] for name, values in told["headers"].items()}
        return _response(request, told["status"]["code"], headers, told["body"]["string"].encode())

    def _of_fewer(self, key: tuple[Any, ...]) -> list[Any] | None:
        """Rows of some of the kinds that were asked for together; None where nobody asked so."""
        path, words, condition = key
        wanted = dict(words)
        for (other, told, settings), answer in self.answers.items():
            known = dict(told)
            kinds, asked = (set(one.get("calibration_id", ())) for one in (known, wanted))
            if other == path and settings == condition and asked < kinds and {
                    **known, "calibration_id": ()} == {**wanted, "calibration_id": ()}:
                return [row for row in json.loads(answer["body"]["string"])
                        if row["calibration_constant"]["calibration_id"] in asked]
        return None

    def close(self) -> None:
        """Nothing is open."""

    def client(self) -> Any:
        """EXtra's client, which asks this."""
        from extra.calibration import CalCatAPIClient

        made = CalCatAPIClient(f"{ADDRESS}/api/")
        made.session.mount("http://", self)
        return made


def _response(request: requests.PreparedRequest, status: int, headers: dict[str, str], content: bytes) -> Any:
    made = requests.Response()
    made.status_code, made.url, made.request = status, str(request.url), request
    made.headers.update(headers)
    made._content = content
    return made
