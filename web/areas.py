"""The areas of the product: one line each; a new area adds its module here and nowhere else."""

from fastapi import APIRouter

from api import v1
from web import live
from web.pages import look, me, signin

PAGES: tuple[APIRouter, ...] = (
    signin.router,
    me.router,
    live.router,
    look.router,
)
"""Routers of pages and their fragments."""

API: tuple[APIRouter, ...] = (v1.router,)
"""Routers under /api and /hooks."""
