"""Codes for the refusals of Django REST framework itself: name `tokensmith.django.exceptions.exception_handler` as
`EXCEPTION_HANDLER`, or call it in your own."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ErrorDetail
from rest_framework.views import exception_handler as its_own


def exception_handler(error: Exception, context: Any) -> Any:
    """The response of the framework's own handler. A body with nothing but `detail` gets its `code`, too, such as
    `permission_denied` or `throttled`."""
    response = its_own(error, context)
    body = getattr(response, "data", None)
    if isinstance(body, dict) and body.keys() == {"detail"} and isinstance(body["detail"], ErrorDetail):
        body["code"] = body["detail"].code
    return response
