"""The views."""

from django.urls import path
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny, IsAdminUser
from rest_framework.response import Response

from tokensmith.django import HasRole


@api_view()
def notes(request):
    """Any user."""
    return Response({"owner": request.user.id, "roles": request.auth.roles})


@api_view()
@permission_classes([IsAdminUser])
def admin(request):
    """Users with the role `admin`."""
    return Response({"hello": "administrator"})


@api_view()
@permission_classes([HasRole("editor") | IsAdminUser])
def drafts(request):
    """Users with the role `editor`, and administrators."""
    return Response({"drafts": []})


@api_view()
@permission_classes([AllowAny])
def home(request):
    """Everyone; a user with a token is greeted by id."""
    return Response({"hello": request.user.id if request.auth else "stranger"})


urlpatterns = [path("", home), path("notes", notes), path("admin", admin), path("drafts", drafts)]
