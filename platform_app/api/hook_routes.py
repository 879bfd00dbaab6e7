"""Hook routes: the routes to which other systems post, served by the console and by the hooks process."""

from starlette.routing import Route

from platform_app.api.channel_webhooks import receive_update, verify_webhook
from platform_app.api.crm_webhooks import receive_crm_post
from platform_app.api.kommo_chats import receive_chat_hook
from platform_app.api.webhooks import receive

ROUTES: list[Route] = [receive, receive_update, receive_crm_post, receive_chat_hook, verify_webhook]
