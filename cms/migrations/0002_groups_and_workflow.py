"""Groups Editor, Reviewer and Agent, the review workflow, and the English locale.

Wagtail's own Editors and Moderators are about pages, which this house does not have: they go, unless somebody is in them.
"""

from django.db import migrations

EDIT = ("add", "change", "delete", "view")
PERMISSIONS = {
    "Editor": {"entry": (*EDIT, "publish", "lock"), "store": EDIT, "image": ("add", "change", "choose")},
    "Reviewer": {"entry": (*EDIT, "publish", "lock", "unlock"), "store": EDIT, "image": ("add", "change", "choose")},
    "Agent": {"entry": (), "store": (), "image": ()},
}
MODELS = {"entry": ("faq", "script"), "store": ("category", "product", "fact")}


def permission(apps, label, model, codename):
    content_type, _ = apps.get_model("contenttypes.ContentType").objects.get_or_create(app_label=label, model=model)
    row, _ = apps.get_model("auth.Permission").objects.get_or_create(
        content_type=content_type, codename=codename, defaults={"name": f"Can {codename.replace('_', ' ')}"}
    )
    return row


def make_groups(apps, schema_editor):
    Group = apps.get_model("auth.Group")
    root = apps.get_model("wagtailcore.Collection").objects.get(depth=1)
    on_collection = apps.get_model("wagtailcore.GroupCollectionPermission").objects
    for name, granted in PERMISSIONS.items():
        group, _ = Group.objects.get_or_create(name=name)
        rows = [
            permission(apps, "cms", model, f"{action}_{model}")
            for area, models in MODELS.items()
            for model in models
            for action in granted[area]
        ]
        if rows:
            rows.append(permission(apps, "wagtailadmin", "admin", "access_admin"))
            rows.append(permission(apps, "simple_translation", "simpletranslation", "submit_translation"))
        group.permissions.add(*rows)
        for action in granted["image"]:
            image = permission(apps, "wagtailimages", "image", f"{action}_image")
            on_collection.get_or_create(group=group, collection=root, permission=image)


def make_workflow(apps, schema_editor):
    content_type = apps.get_model("contenttypes.ContentType").objects
    task_type, _ = content_type.get_or_create(app_label="wagtailcore", model="groupapprovaltask")
    task = apps.get_model("wagtailcore.GroupApprovalTask").objects.create(
        name="复核 Review", content_type=task_type, active=True
    )
    task.groups.set(apps.get_model("auth.Group").objects.filter(name="Reviewer"))
    workflow = apps.get_model("wagtailcore.Workflow").objects.create(name="内容复核 Content review", active=True)
    apps.get_model("wagtailcore.WorkflowTask").objects.create(workflow=workflow, task=task, sort_order=0)
    for model in MODELS["entry"]:
        entry_type, _ = content_type.get_or_create(app_label="cms", model=model)
        apps.get_model("wagtailcore.WorkflowContentType").objects.create(workflow=workflow, content_type=entry_type)


def drop_page_groups(apps, schema_editor):
    unused = apps.get_model("auth.Group").objects.filter(name__in=["Editors", "Moderators"], user__isnull=True)
    tasks = apps.get_model("wagtailcore.GroupApprovalTask").objects.filter(groups__in=unused)
    apps.get_model("wagtailcore.Workflow").objects.filter(workflow_tasks__task__in=tasks.values("task_ptr")).delete()
    tasks.delete()
    unused.delete()


def make_locale(apps, schema_editor):
    for code in ("zh-hans", "en"):
        apps.get_model("wagtailcore.Locale").objects.get_or_create(language_code=code)


class Migration(migrations.Migration):
    dependencies = [
        ("cms", "0001_initial"),
        ("wagtailcore", "0098_apitoken"),
        ("wagtailadmin", "0006_formstate"),
        ("wagtailimages", "0027_image_description"),
        ("wagtailusers", "0015_userprofile_keyboard_shortcuts"),
        ("simple_translation", "0001_initial"),
    ]
    operations = [
        migrations.RunPython(make_locale, migrations.RunPython.noop),
        migrations.RunPython(drop_page_groups, migrations.RunPython.noop),
        migrations.RunPython(make_groups, migrations.RunPython.noop),
        migrations.RunPython(make_workflow, migrations.RunPython.noop),
    ]
