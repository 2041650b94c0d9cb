"""Editors see releases; reviewers also cut them, roll back, and override the gate with a reason."""

from django.db import migrations

GRANTED = {"Editor": ("view_release",), "Reviewer": ("view_release", "cut_release", "roll_back_release", "override_gate")}


def grant(apps, schema_editor):
    content_type, _ = apps.get_model("contenttypes.ContentType").objects.get_or_create(app_label="cms", model="release")
    for name, codenames in GRANTED.items():
        for group in apps.get_model("auth.Group").objects.filter(name=name):
            for codename in codenames:
                row, _ = apps.get_model("auth.Permission").objects.get_or_create(
                    content_type=content_type, codename=codename, defaults={"name": f"Can {codename.replace('_', ' ')}"}
                )
                group.permissions.add(row)


class Migration(migrations.Migration):
    dependencies = [("cms", "0004_releases")]
    operations = [
        migrations.AlterModelOptions(
            name="release",
            options={
                "base_manager_name": "objects",
                "default_permissions": ("view",),
                "ordering": ["shop", "-ordinal"],
                "permissions": [
                    ("cut_release", "Can cut a release"),
                    ("roll_back_release", "Can roll back to a release"),
                    ("override_gate", "Can put a release live that the gate has blocked"),
                ],
                "verbose_name": "release",
                "verbose_name_plural": "releases",
            },
        ),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
