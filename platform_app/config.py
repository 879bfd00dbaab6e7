"""Settings: all settings, read once from the environment."""

import os
import re
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from platform_app.files_address import parse_files_url
from platform_app.install_paths import default_data_dir
from platform_app.smtp_address import parse_smtp_url
from platform_app.web_origin import is_origin

ENV_FILE = "PLATFORM_ENV_FILE"  # set by the command line for its child processes: the absolute path of .env
MIN_KEY_CHARS = 32


def split_list(written: str) -> list[str]:
    """Return the parts of a comma-separated text, stripped, without empty ones."""
    return [one.strip() for one in written.split(",") if one.strip()]


class Settings(BaseSettings):
    """The settings of an installation; every environment variable begins with PLATFORM_."""

    model_config = SettingsConfigDict(
        env_prefix="PLATFORM_",
        env_file=os.environ.get(ENV_FILE, ".env"),
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # the input may be a key
    )

    data_dir: Path = Field(
        default_factory=default_data_dir, description="Folder that holds everything the platform keeps."
    )
    host: str = Field("127.0.0.1", description="Address that the console listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port of the console.")
    worker_host: str = Field("127.0.0.1", description="Address that the worker's health server listens on.")
    worker_port: int = Field(3001, ge=1, le=65535, description="Port of the worker's health server.")
    hooks_host: str = Field("127.0.0.1", description="Address that the hooks process listens on.")
    hooks_port: int = Field(8002, ge=1, le=65535, description="Port of the hooks process.")
    public_url: str = Field("", description="Address people use, when a proxy stands in front (https://…).")
    hooks_url: str = Field(
        "", description="Address to which webhooks are posted, if not the one people use: https://hooks.example.com."
    )
    proxy_hops: int = Field(
        0,
        ge=0,
        description="How many proxies stand in front and append to X-Forwarded-For; 0: that header is ignored.",
    )
    database_url: SecretStr = Field(SecretStr(""), description="SQLAlchemy address; empty: SQLite in the data folder.")
    migration_database_url: SecretStr = Field(
        SecretStr(""),
        description="Database address of the role that owns the tables, for migrations alone; empty: the one above.",
    )
    redis_url: SecretStr = Field(SecretStr(""), description="Redis to use; empty: the launcher starts a private one.")
    chroma_url: str = Field("", description="Chroma server to use; empty: the launcher starts a private one.")
    chroma_token: SecretStr = Field(
        SecretStr(""), description="Token under which vectors are kept in Chroma; without it nobody finds them there."
    )
    files_url: SecretStr = Field(
        SecretStr(""),
        description="Bucket of a storage with the API of S3 that holds all files of companies: "
        "s3://key:secret@storage.example.com/bucket/folder?region=us-east-1, s3+http://… without TLS; empty: the data "
        "folder, which one machine alone has.",
    )
    offline_url: str = Field("", description="Offline model's address; empty: the launcher starts one.")
    openai_api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("PLATFORM_OPENAI_API_KEY", "OPENAI_API_KEY"),
        description="Key of the model provider; empty: the offline model answers.",
    )
    openai_base_url: str = Field(
        "",
        validation_alias=AliasChoices("PLATFORM_OPENAI_BASE_URL", "OPENAI_BASE_URL"),
        description="Address of an OpenAI-compatible provider.",
    )
    smtp_url: SecretStr = Field(
        SecretStr(""),
        description="Mail server of the platform itself: smtps://user:password@smtp.example.com:465, smtp://… with "
        "STARTTLS, smtp+plain://… without TLS; empty: links of invitations and new passwords are shown to copy.",
    )
    mail_from: str = Field(
        "", description="Sender of the platform's e-mails: support@example.com, or Support <support@example.com>."
    )
    demo_password: SecretStr = Field(SecretStr(""), description="Password of the demo sign-in; empty: generated.")
    demo_language: Literal["ru", "en"] = Field("en", description="Language of the demo tenant.")
    worker_concurrency: int = Field(
        7,
        ge=1,
        le=64,
        description="Jobs that one worker runs at once; a part is kept for urgent jobs and for other companies.",
    )
    lease_seconds: float = Field(15, gt=0, description="How long a job belongs to a worker without a sign of life.")
    job_limits: str = Field(
        "",
        description="Jobs of a kind that may run at once, over all workers: index_source=2,import_contacts=1; "
        "without a limit of its own a kind has that of its priority.",
    )
    backoff_seconds: float = Field(2, gt=0, description="Base of the growing pause between a job's attempts.")
    stop_seconds: float = Field(25, gt=0, le=30, description="How long a stopping worker waits for running jobs.")
    hang_seconds: float = Field(
        15, gt=0, description="The launcher starts a part anew that lives but has not answered for so long."
    )
    reply_total_seconds: float = Field(60, gt=0, description="Longest time for one reply of the model.")
    reply_idle_seconds: float = Field(20, gt=0, description="Longest silence of the model within one reply.")
    reply_first_token_seconds: float = Field(
        60, gt=0, description="Longest silence of the model before its first word, while it thinks."
    )
    anonymous_sockets: int = Field(
        150, ge=1, description="Open tabs of people who have not signed in, altogether; each holds 0.25 MB."
    )
    anonymous_sockets_per_address: int = Field(
        60, ge=1, description="Open tabs of people who have not signed in, from one address."
    )
    sockets_per_person: int = Field(60, ge=1, description="Open tabs of one person who is signed in.")
    socket_events_per_second: float = Field(60, gt=0, description="Events that one tab may send, on average.")
    anonymous_events_per_second: float = Field(
        40, gt=0, description="Events that all tabs of one address may send before the sign-in, on average."
    )
    anonymous_state_seconds: float = Field(
        120, gt=0, description="How long a closed tab in which nobody signed in is remembered."
    )
    upload_max_mb: int = Field(50, ge=1, le=500, description="Largest uploaded file, in megabytes.")
    disk_reserve_mb: int = Field(50, ge=0, description="Free megabytes below which the disk counts as full.")
    parse_seconds: float = Field(30, gt=0, description="Longest time for reading one uploaded file.")
    parse_memory_mb: int = Field(512, ge=64, description="Most memory for reading one uploaded file.")
    site_pages_per_day: int = Field(
        2_000, ge=1, description="Requests for web pages that are knowledge, for each company and day (UTC)."
    )
    site_pause_seconds: float = Field(
        1, ge=0, description="Pause between two requests to one site; robots.txt may ask for more."
    )
    egress_allow: str = Field(
        "",
        description="Networks beside the public internet that webhooks and e-mail may reach: 10.0.0.0/8,127.0.0.1/32.",
    )
    telegram_api_url: str = Field(
        "https://api.telegram.org",
        description="Address of the Telegram Bot API: a Bot API server of your own, or a fake one in tests.",
    )
    max_api_url: str = Field(
        "https://platform-api.max.ru", description="Address of the MAX Bot API; another one in tests."
    )
    whatsapp_api_url: str = Field(
        "https://graph.facebook.com/v24.0",
        description="Address of the WhatsApp Cloud API with its version; another one in tests.",
    )
    kommo_api_url: str = Field(
        "",
        description="Address to call in place of the hosts of Kommo and amoCRM, which are named in the header Host; "
        "for tests and the fake Kommo.",
    )
    google_client_id: str = Field(
        "",
        description="Client ID for mailboxes of Google, of an OAuth client with the redirect address "
        "PLATFORM_PUBLIC_URL/oauth/mail; empty: they are connected by an app password.",
    )
    google_client_secret: SecretStr = Field(SecretStr(""), description="Secret of the OAuth client at Google.")
    microsoft_client_id: str = Field(
        "",
        description="Client ID for mailboxes of Microsoft 365, of an app registration with the redirect address "
        "PLATFORM_PUBLIC_URL/oauth/mail; empty: they cannot be connected.",
    )
    microsoft_client_secret: SecretStr = Field(
        SecretStr(""), description="Secret of the app registration at Microsoft."
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Keys that tenants' secrets are kept under, the newest first; empty: one made in the data folder.",
    )
    test_clock: bool = Field(False, description="Lets administrators move the clock in the settings, to try sequences.")
    log_format: Literal["json", "text"] = Field("json", description="Form of the log lines.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, given: SecretStr) -> SecretStr:
        if any(len(key) < MIN_KEY_CHARS for key in split_list(given.get_secret_value())):
            raise ValueError(f"a key has at least {MIN_KEY_CHARS} characters; keys are separated by commas")
        return given

    @field_validator("job_limits")
    @classmethod
    def _are_limits(cls, given: str) -> str:
        if any(not re.fullmatch(r"[a-z_]+=[1-9]\d{0,3}", limit) for limit in split_list(given)):
            raise ValueError("kinds of jobs with numbers from 1, separated by commas: index_source=2,import_contacts=1")
        return given

    @field_validator("files_url")
    @classmethod
    def _is_bucket(cls, given: SecretStr) -> SecretStr:
        if given.get_secret_value():
            parse_files_url(given.get_secret_value())
        return given

    @field_validator("hooks_url")
    @classmethod
    def _is_origin(cls, given: str) -> str:
        if given.strip() and not is_origin(given.strip().rstrip("/")):
            raise ValueError("an address such as https://hooks.example.com, without a path")
        return given.strip().rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _is_mail_server(cls, given: SecretStr) -> SecretStr:
        if given.get_secret_value():
            parse_smtp_url(given.get_secret_value())
        return given

    @field_validator("mail_from")
    @classmethod
    def _is_sender(cls, given: str, info: ValidationInfo) -> str:
        server = info.data.get("smtp_url")
        if server and server.get_secret_value() and not given.strip():
            raise ValueError("PLATFORM_SMTP_URL needs the address of a sender here")
        if given.strip() and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", parseaddr(given)[1]):
            raise ValueError("an e-mail address such as support@example.com or Support <support@example.com>")
        return given.strip()

    @property
    def hooks_home(self) -> str:
        """The address to which other systems post, without a slash at its end; "" if it is not known."""
        return self.hooks_url or self.public_url.strip().rstrip("/")

    @property
    def database(self) -> str:
        """The SQLAlchemy address of the database."""
        given = _with_driver(self.database_url.get_secret_value())
        return given or f"sqlite:///{self.data_dir.resolve()}/platform.db"

    @property
    def migration_database(self) -> str:
        """The SQLAlchemy address of the database for migrations."""
        return _with_driver(self.migration_database_url.get_secret_value()) or self.database

    @property
    def limits_of_jobs(self) -> dict[str, int]:
        """The number of jobs that may run at once, by kind."""
        return {kind: int(number) for kind, number in (limit.split("=") for limit in split_list(self.job_limits))}

    @property
    def uploads(self) -> Path:
        """The folder of uploaded files, and of files that are being written; it is never served."""
        return self.data_dir / "uploads"


def _with_driver(address: str) -> str:
    """Return a database address with the installed driver."""
    if address.startswith(("postgres://", "postgresql://")):
        return "postgresql+psycopg://" + address.split("://", 1)[1]
    return address


@lru_cache
def settings() -> Settings:
    """Return the settings of this process, read once. Raises ValidationError if one is invalid."""
    return Settings()
