"""Settings, read from the environment. docs/reference/settings.md says what each variable means.

Without any variable the embedded servers below `.heed/` are used (`make demo` or `manage.py services`).
"""

import os
from pathlib import Path

import dj_database_url
from django.utils.translation import gettext_lazy as _

from config.embedded.layout import Layout
from config.environment import flag, number, prices, secret_key, words

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(os.environ.get("HEED_STATE") or BASE_DIR / ".heed")
LAYOUT = Layout(STATE_DIR)

# --- Security
DEBUG = flag("HEED_DEBUG", default=False)
SECRET_KEY = secret_key(STATE_DIR / "secret")
HTTPS = flag("HEED_HTTPS", default=False)  # the site is reached over HTTPS: cookies and headers insist on it
ALLOWED_HOSTS = words("HEED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = words("HEED_ORIGINS", default=[])
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if flag("HEED_BEHIND_PROXY", default=False) else None
)
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # bytes; a page's answers are a few kilobytes
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
MAX_BODY = number(
    "HEED_MAX_BODY", default=16_777_216
)  # bytes; a protocol with its pictures, uploaded on the panel
WEB_PORT = number("HEED_PORT", default=8000)
WEB_PROCESSES = number("HEED_WEB_PROCESSES", default=2)
WEB_THREADS = number("HEED_WEB_THREADS", default=6)  # a web server process answers so many pages at once
DATA_UPLOAD_MAX_NUMBER_FILES = 5
CONTENT_SECURITY_POLICY = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}

# --- Applications
INSTALLED_APPS = [
    "config",
    "elicitation",
    "study",
    "study.accounts",
    "study.payment",
    "llm",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "study.accounts.sessions.limits",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Data
DATABASES = {
    "default": dj_database_url.parse(
        os.environ.get("DATABASE_URL") or LAYOUT.database_url(), engine="config.database"
    )
}
# Without a word from the server for so long, a connection over TCP counts as lost.
DATABASES["default"].setdefault("OPTIONS", {}).update({"keepalives_idle": 30, "tcp_user_timeout": 20_000})
if flag("HEED_DB_POOL", default=False):  # on for the web server's threads, off under Celery's processes
    pool = {"min_size": 1, "max_size": number("HEED_DB_POOL_SIZE", default=12), "timeout": 20}
    DATABASES["default"]["OPTIONS"]["pool"] = pool
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = os.environ.get("REDIS_URL") or LAYOUT.redis_url()

# --- Work outside a request. A row with a lease is the record of work; the broker only wakes workers.
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or LAYOUT.broker_url()
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"confirm_publish": True}
    if CELERY_BROKER_URL.startswith("amqp")
    else {
        "visibility_timeout": 900,
        "unacked_restore_throttle": 1,
        "queue_order_strategy": "priority",
        "socket_connect_timeout": 5.0,
        "socket_timeout": 10.0,  # without it a publish to a broker that hangs waits for ever
    }
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "participant"  # somebody is waiting; `batch` is for what nobody watches
CELERY_TASK_ROUTES = {"study.*": {"queue": "batch"}, "elicitation.*": {"queue": "batch"}}
CELERY_TASK_SOFT_TIME_LIMIT = 600
CELERY_TASK_TIME_LIMIT = 660
CELERY_TIMEZONE = "UTC"

# --- The model. Without OPENAI_API_KEY the rehearsal model answers (llm/conf.py holds all other HEED_LLM_ settings).
_real = bool(os.environ.get("OPENAI_API_KEY"))
HEED_LLM_API_KEY = os.environ.get("OPENAI_API_KEY") or "rehearsal"
HEED_LLM_BASE_URL = (
    os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    if _real
    else os.environ.get("HEED_LLM_BASE_URL") or "http://127.0.0.1:8765/v1"
)
HEED_LLM_MODEL = os.environ.get("HEED_MODEL") or ("gpt-4o-mini" if _real else "heed-rehearsal-1")
HEED_LLM_EMBEDDING_MODEL = os.environ.get("HEED_EMBEDDING_MODEL") or (
    "text-embedding-3-small" if _real else "heed-rehearsal-embed-1"
)
for _name in (
    "CONCURRENT",
    "REQUESTS_PER_MINUTE",
    "PARTICIPANT_TOKENS",
    "STUDY_TOKENS",
    "DAY_TOKENS",
    "LEASE_SECONDS",
):
    if os.environ.get(f"HEED_LLM_{_name}"):
        globals()[f"HEED_LLM_{_name}"] = number(f"HEED_LLM_{_name}", default=1)
HEED_LLM_PRICES = prices("HEED_LLM_PRICES")  # USD per million tokens; a study's budget rests on them
CELERY_BEAT_SCHEDULE = {
    "llm-sweep": {"task": "llm.sweep", "schedule": 2.0, "options": {"expires": 10, "queue": "participant"}},
    "phrasing-sweep": {"task": "study.sweep_phrasings", "schedule": 60.0, "options": {"expires": 50}},
    "probes": {"task": "study.probe", "schedule": 30.0, "options": {"expires": 25}},
    "slot-sweep": {"task": "study.sweep_slots", "schedule": 60.0, "options": {"expires": 50}},
}

# --- Language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# --- Static files: collected, compressed, hashed and cached for ever by the web server itself
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = STATE_DIR / "static"
WHITENOISE_USE_FINDERS = flag("HEED_STATIC_FROM_SOURCE", default=False)  # tests and work on the pages
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if WHITENOISE_USE_FINDERS
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_ROOT = STATE_DIR / "media"

# --- The recruitment panel
PROLIFIC_API_TOKEN = os.environ.get("PROLIFIC_API_TOKEN", "")  # never in the database
PROLIFIC_API_URL = os.environ.get("PROLIFIC_API_URL") or "https://api.prolific.com/api/v1/"

# --- Mail: over SMTP where a server is named, else into files below the state folder
EMAIL_HOST = os.environ.get("HEED_SMTP_HOST", "")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = STATE_DIR / "mail"
EMAIL_PORT = number("HEED_SMTP_PORT", default=587)
EMAIL_HOST_USER = os.environ.get("HEED_SMTP_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("HEED_SMTP_PASSWORD", "")
EMAIL_USE_TLS = flag("HEED_SMTP_TLS", default=EMAIL_PORT != 465)
EMAIL_USE_SSL = EMAIL_PORT == 465
EMAIL_TIMEOUT = 20  # seconds
DEFAULT_FROM_EMAIL = os.environ.get("HEED_MAIL_FROM") or "heed@localhost"

LOGIN_URL = "/panel/login/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {},
        "MinimumLengthValidator": {"min_length": 10},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]
HEED_REQUIRE_TOTP = words("HEED_REQUIRE_TOTP", default=[])  # roles that need a second factor, or `all`
HEED_IDLE_MINUTES = number("HEED_IDLE_MINUTES", default=120)  # without work on the panel, then sign in again
LOGIN_REDIRECT_URL = "/panel/"
LOGOUT_REDIRECT_URL = "/"

UNFOLD = {"SITE_TITLE": "Heed", "SITE_HEADER": "Heed", "SITE_URL": "/panel/"}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.OneLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("HEED_LOG_LEVEL", "INFO")},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "httpx2": {"level": "WARNING"},  # one line per model request says nothing that the call records don't
    },
}
