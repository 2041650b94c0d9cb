"""gunicorn's settings: `gunicorn --config kb/gunicorn.py kb.wsgi`."""

from typing import Any

from kb.environment import read_environment

_env = read_environment()
workers = _env.workers
threads = _env.threads
worker_class = "gthread"
timeout = 300  # a worker that builds its first pictures of a large shop on a busy machine is not to be killed for it
graceful_timeout = 20
keepalive = 15
control_socket_disable = True
accesslog = "-" if _env.log_level == "DEBUG" else None
forwarded_allow_ips = "*" if _env.trusted_proxies else "127.0.0.1"


def post_worker_init(worker: Any) -> None:
    """Each worker loads encoder and snapshots before its first request; shared over a fork they would not be safe."""
    from django.db import connection

    from search.warming import warm

    warm()
    connection.close()  # this thread only hands out work from here on


def worker_exit(server: Any, worker: Any) -> None:
    from search.querylog import writer

    writer.close()
