"""Widget archive: the widget of a private integration: its step in a Salesbot asks the platform and shows the answer.

References: developers.kommo.com/docs, manifest-json, salesbot-sdk, private-chatbot-integration. The archive has not
been installed in a live account.
"""

import io
import json
import struct
import zipfile
import zlib

VERSION = "1.0.0"
LOCALES = ("en", "ru", "es", "pt")
IMAGES = {"logo": (130, 100), "logo_small": (108, 108), "logo_main": (400, 272), "logo_medium": (240, 84)}
IMAGES |= {"logo_min": (84, 84)}
_COLOUR = (37, 99, 235)
_NAMES = {
    "en": ("AI agent", "Asks the agent of your platform and sends its answer", "Address from the platform"),
    "ru": ("ИИ-агент", "Спрашивает агента вашей платформы и отправляет его ответ", "Адрес с платформы"),
    "es": ("Agente de IA", "Pregunta al agente de su plataforma y envía su respuesta", "Dirección de la plataforma"),
    "pt": ("Agente de IA", "Pergunta ao agente da sua plataforma e envia a resposta", "Endereço da plataforma"),
}
_SCRIPT = """define(['jquery'], function () {
  return function () {
    this.callbacks = {
      settings: function () { return true; },
      init: function () { return true; },
      bind_actions: function () { return true; },
      render: function () { return true; },
      onSave: function () { return true; },
      destroy: function () {},
      onSalesbotDesignerSave: function (code, params) {
        var data = {
          message: '{{message_text}}', lead: '{{lead.id}}', contact: '{{contact.id}}', name: '{{contact.name}}'
        };
        return JSON.stringify([
          { question: [
            { handler: 'widget_request', params: { url: params.url, data: data } },
            { handler: 'goto', params: { type: 'question', step: 1 } }
          ] },
          { question: [
            { handler: 'show', params: { type: 'text', value: '{{json.answer}}' } },
            { handler: 'goto', params: { type: 'finish' } }
          ] }
        ]);
      }
    };
    return this;
  };
});
"""


def make_archive(*, support_email: str = "support@example.com", support_link: str = "https://example.com") -> bytes:
    """Return the zip file that is uploaded to an integration."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(_manifest(support_email, support_link), indent=2))
        archive.writestr("script.js", _SCRIPT)
        for locale in LOCALES:
            archive.writestr(f"i18n/{locale}.json", json.dumps(_words(locale), ensure_ascii=False, indent=2))
        for name, (width, height) in IMAGES.items():
            archive.writestr(f"images/{name}.png", _image(width, height))
    return content.getvalue()


def _manifest(support_email: str, support_link: str) -> dict[str, object]:
    widget = {"name": "widget.name", "description": "widget.description", "version": VERSION, "interface_version": 2}
    widget |= {"short_description": "widget.short_description", "init_once": False, "locale": list(LOCALES)}
    widget |= {"installation": True, "support": {"link": support_link, "email": support_email}}
    url = {"name": "salesbot.url", "default_value": "", "type": "url", "manual": True}
    step = {"name": "salesbot.step", "settings": {"url": url}}
    designer = {"logo": "/widgets/agent/images/logo_small.png", "ask_agent": step}
    return {"widget": widget, "locations": ["salesbot_designer"], "salesbot_designer": designer, "settings": {}}


def _words(locale: str) -> dict[str, dict[str, str]]:
    name, does, address = _NAMES[locale]
    widget = {"name": name, "short_description": does, "description": does}
    return {"widget": widget, "settings": {}, "salesbot": {"step": name, "url": address}}


def _image(width: int, height: int) -> bytes:
    """Return a PNG of one colour."""
    rows = (b"\x00" + bytes(_COLOUR) * width) * height
    parts = (
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
