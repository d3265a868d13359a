import asyncio

from channels.generic.http import AsyncHttpConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from .urls import RELEASE


class Room(AsyncWebsocketConsumer):
    """One room, in which each hears what the others say. Who comes is told by which release, and as whom."""

    async def connect(self):
        await self.channel_layer.group_add("room", self.channel_name)
        await self.accept()
        await self.send(f"{RELEASE} {self.scope['client'][0]} {self.scope['scheme']}")

    async def disconnect(self, code):
        await self.channel_layer.group_discard("room", self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send("room", {"type": "said", "text": text_data})

    async def said(self, event):
        await self.send(event["text"])


class Ticks(AsyncHttpConsumer):
    """Server-Sent Events, ten a second, until the visitor goes."""

    async def handle(self, body):
        await self.send_headers(headers=[(b"Content-Type", b"text/event-stream"), (b"Cache-Control", b"no-store")])
        n = 0
        while True:
            await self.send_body(f"data: {RELEASE} {n}\n\n".encode(), more_body=True)
            n += 1
            await asyncio.sleep(0.1)
