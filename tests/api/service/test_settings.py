"""Settings: where they come from, what is refused, and what is shown of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.settings import FILE_NAME, Settings, load_settings, shown
from traffic.errors import InputError


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch, tmp_path):
    for name in ("PORT", "HOST", "REDIS_URL", "CITY", "LOG_LEVEL"):
        monkeypatch.delenv(f"JASYL_{name}", raising=False)
    monkeypatch.setenv("JASYL_DATA_FOLDER", str(tmp_path))


def _file(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_needs_to_be_set(tmp_path):
    settings = load_settings()
    assert (settings.host, settings.port, settings.city) == ("127.0.0.1", 8000, "almaty")
    assert settings.redis_url is None
    assert settings.four_eyes
    assert settings.cors_origins == ()
    assert settings.data_folder == tmp_path


def test_command_line_before_environment_before_file_before_default(tmp_path, monkeypatch):
    file = _file(tmp_path, 'port = 1\nhost = "::1"\ncity = "corridor"\n')
    monkeypatch.setenv("JASYL_PORT", "2")
    monkeypatch.setenv("JASYL_CITY", "grid")
    settings = load_settings(file, port=3, city=None)
    assert (settings.port, settings.city, settings.host) == (3, "grid", "::1")
    assert settings.log_level == "info"


def test_the_file_in_the_data_folder_is_found(tmp_path, monkeypatch):
    (tmp_path / FILE_NAME).write_text("port = 4\n", encoding="utf-8")
    assert load_settings().port == 4
    monkeypatch.delenv("JASYL_DATA_FOLDER")
    assert load_settings(data_folder=tmp_path).port == 4


def test_lists_and_rates_of_the_environment(monkeypatch):
    monkeypatch.setenv("JASYL_CORS_ORIGINS", "https://a.example, http://b.example:8080")
    monkeypatch.setenv("JASYL_RATE_LIMITS__FEED", "9/second")
    settings = load_settings()
    assert settings.cors_origins == ("https://a.example", "http://b.example:8080")
    assert settings.rate_limits.feed == "9/second"
    assert settings.rate_limits.viewer == "1200/minute"


@pytest.mark.parametrize(
    ("text", "field", "rule"),
    [
        ("prot = 1", "prot", "is no setting"),
        ('port = "x"', "port", "must be a valid integer"),
        ("port = 70000", "port", "65535"),
        ("[rate_limits]\nviewr = '1/second'", "rate_limits.viewr", "is no setting"),
        ("[rate_limits]\nviewer = '1 a second'", "rate_limits.viewer", "'600/minute'"),
        ('cors_origins = ["https://a.example/path"]', "cors_origins.0", "must be an origin"),
        ('cors_origins = ["*"]', "cors_origins.0", "must be an origin"),
        ('log_level = "loud"', "log_level", "must be 'debug'"),
        ("body_seconds = inf", "body_seconds", "must be"),
        ('tls_key = "key.pem"', "tls_cert", "together with tls_key"),
        ('tls_client_ca = "ca.pem"', "tls_cert", "together with tls_client_ca"),
        ('host = "0.0.0.0"', "host", "no TLS"),
        ("port = = 1", "file content", "must be TOML"),
        ('tls_cert = ""', "tls_cert", "must be a path"),
    ],
)
def test_what_a_file_may_not_say(tmp_path, text, field, rule):
    with pytest.raises(InputError) as refused:
        load_settings(_file(tmp_path, text))
    assert refused.value.field == field
    assert rule in refused.value.rule


def test_a_wrong_name_is_answered_with_the_right_one(tmp_path):
    with pytest.raises(InputError, match="'four_eyes'"):
        load_settings(_file(tmp_path, "four_eye = false"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("JASYL_FOUR_EYE", "JASYL_FOUR_EYES"),
        ("jasyl_prot", "JASYL_PORT"),
        ("JASYL_RATE_LIMITS__VIEWR", "JASYL_RATE_LIMITS__VIEWER"),
    ],
)
def test_a_variable_that_is_no_setting_ends_the_start(name, meant, monkeypatch):
    monkeypatch.setenv(name, "false")
    with pytest.raises(InputError, match=f"{name}: is no setting .* Did you mean {meant}"):
        load_settings()


def test_variables_of_other_parts_are_left_alone(monkeypatch):
    for name in ("JASYL_URL", "JASYL_TOKEN", "JASYL_CACHE_DIR"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("JASYL_RATE_LIMITS__FEED", "7/second")
    assert load_settings().rate_limits.feed == "7/second"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="must be a file that exists"):
        load_settings(tmp_path / "none.toml")


def test_errors_name_the_variable_and_the_option(monkeypatch):
    monkeypatch.setenv("JASYL_PORT", "-1")
    with pytest.raises(InputError) as refused:
        load_settings()
    assert refused.value.field == "JASYL_PORT"
    with pytest.raises(InputError) as refused:
        load_settings(port=-2)
    assert (refused.value.field, refused.value.value) == ("--port", -2)
    monkeypatch.setenv("JASYL_PORT", "1")
    monkeypatch.setenv("JASYL_RATE_LIMITS", "{")
    with pytest.raises(InputError, match="JASYL_RATE_LIMITS"):
        load_settings()


def test_others_are_served_in_the_clear_only_where_it_is_said(tmp_path):
    with pytest.raises(InputError, match="plain_http"):
        Settings(data_folder=tmp_path, host="192.0.2.1")
    assert Settings(data_folder=tmp_path, host="192.0.2.1", plain_http=True).plain_http
    encrypted = {"tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}
    assert Settings(data_folder=tmp_path, host="192.0.2.1", **encrypted).tls_cert


@pytest.mark.parametrize(
    "url",
    [
        "redis://jasyl:pa55word@redis.example:6379/0",
        "rediss://:pa55word@redis.example:6379/0",
        "redis://redis.example:6379/0?password=pa55word",
        "unix://jasyl:pa55word@/run/redis.sock?db=0",
    ],
)
def test_no_secret_is_shown(tmp_path, url):
    settings = Settings(data_folder=tmp_path, redis_url=url)
    text = "\n".join(f"{name} = {value}" for name, value in shown(settings).items())
    assert "pa55word" not in text
    assert "pa55word" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert shown(settings)["redis_url"].startswith(url.partition("://")[0])
    assert set(Settings.model_fields) - {"rate_limits"} <= set(shown(settings))


def test_a_wrong_address_of_redis_does_not_come_back(tmp_path):
    with pytest.raises(InputError) as refused:
        load_settings(_file(tmp_path, 'redis_url = "http://u:pa55word@h"'))
    assert "pa55word" not in str(refused.value)
    assert refused.value.field == "redis_url"
