"""Fake Telegram's customers: the updates that a bot gets when somebody writes, edits, attaches or blocks it.

The forms are those of Update, Message and ChatMemberUpdated (core.telegram.org/bots/api).
"""

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.telegram import FakeTelegram


class Customer:
    """Somebody with a private chat with the bot."""

    def __init__(self, fake: "FakeTelegram", chat_id: int, name: str, language: str) -> None:
        self.fake, self.chat_id = fake, chat_id
        self.user = {"id": chat_id, "is_bot": False, "first_name": name, "language_code": language}

    def message(self, **fields: Any) -> dict[str, Any]:
        """Return a message of the customer without sending it."""
        self.fake.started.add(self.chat_id)
        chat = {"id": self.chat_id, "type": "private", "first_name": self.user["first_name"]}
        number = next(self.fake.message_ids)
        return {"message_id": number, "date": int(time.time()), "from": self.user, "chat": chat} | fields

    def write(self, text: str = "How much is a tune-up?", **fields: Any) -> dict[str, Any]:
        """Send a text; return the update."""
        return self.fake.put(message=self.message(text=text, **fields))

    def edit(self, update: dict[str, Any], text: str, seconds: int = 1) -> dict[str, Any]:
        """Change a message some seconds after it was sent; return the update."""
        said = update["message"]
        return self.fake.put(edited_message=said | {"text": text, "edit_date": said["date"] + seconds})

    def photo(self, caption: str = "", content: bytes = b"\xff\xd8\xff fake", **fields: Any) -> dict[str, Any]:
        """Send a photo; return the update."""
        file_id = f"file{len(self.fake.files)}"
        self.fake.files[file_id] = content
        sizes = [{"file_id": file_id, "file_unique_id": file_id, "width": 90, "height": 90, "file_size": len(content)}]
        said = self.message(photo=sizes, **fields) | ({"caption": caption} if caption else {})
        return self.fake.put(message=said)

    def voice(self, caption: str = "", content: bytes = b"OggS fake", **fields: Any) -> dict[str, Any]:
        """Send a voice message; return the update."""
        file_id = f"file{len(self.fake.files)}"
        self.fake.files[file_id] = content
        voice = {"file_id": file_id, "file_unique_id": file_id, "duration": 3, "mime_type": "audio/ogg"}
        said = self.message(voice=voice, **fields) | ({"caption": caption} if caption else {})
        return self.fake.put(message=said)

    def album(self, *captions: str) -> list[dict[str, Any]]:
        """Send photos as one album; return the updates."""
        group = f"album{len(self.fake.files)}"
        return [self.photo(caption, media_group_id=group) for caption in captions]

    def block(self, seconds: int = 1) -> dict[str, Any]:
        """Block the bot; return the update."""
        self.fake.blocked.add(self.chat_id)
        return self._member("kicked", seconds)

    def unblock(self, seconds: int = 2) -> dict[str, Any]:
        """Let the bot write again; return the update."""
        self.fake.blocked.discard(self.chat_id)
        return self._member("member", seconds)

    def _member(self, status: str, seconds: int) -> dict[str, Any]:
        chat = {"id": self.chat_id, "type": "private"}
        changed = {"chat": chat, "from": self.user, "date": int(time.time()) + seconds}
        return self.fake.put(my_chat_member=changed | {"new_chat_member": {"status": status}})
