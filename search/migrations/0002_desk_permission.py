"""Agents, and those who stand in for them, may use the desk."""

from django.db import migrations


def grant(apps, schema_editor):
    content_type, _ = apps.get_model("contenttypes.ContentType").objects.get_or_create(
        app_label="search", model="feedback"
    )
    permission, _ = apps.get_model("auth.Permission").objects.get_or_create(
        content_type=content_type, codename="use_desk", defaults={"name": "Can use the agents' desk"}
    )
    for group in apps.get_model("auth.Group").objects.filter(name__in=["Editor", "Reviewer", "Agent"]):
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("search", "0001_initial"), ("cms", "0002_groups_and_workflow")]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
