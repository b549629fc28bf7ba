"""The demonstration shop: a small web shop of its own, with which the connector and the widget are shown.

It keeps its own data, speaks `docs/business-system.md` over HTTP, and shares no code with Holdfast: what a
real shop must build is what stands here. Run it with `python -m ops.demo_shop --port N --data FILE`.
"""
