import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django = get_asgi_application()

from .consumers import Room, Ticks  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": URLRouter([path("ticks/", Ticks.as_asgi()), re_path(r"", django)]),
        "websocket": URLRouter([path("room/", Room.as_asgi())]),
    }
)
