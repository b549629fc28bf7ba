"""The areas of the product: one line each; a new area adds its module here and nowhere else."""

from fastapi import APIRouter

from api import chat as api_chat
from api import chat_files, chat_identity, v1
from web import live
from web.pages import admin, board, chat, desk, look, me, signin, tasks, widget, wizard

PAGES: tuple[APIRouter, ...] = (
    signin.router,
    me.router,
    live.router,
    look.router,
    desk.router,
    admin.router,
    board.router,
    tasks.router,
    wizard.router,
    chat.router,
    widget.router,
)
"""Routers of pages and their fragments."""

API: tuple[APIRouter, ...] = (
    v1.router,
    api_chat.router,
    chat_files.router,
    chat_identity.router,
)
"""Routers under /api and /hooks."""
