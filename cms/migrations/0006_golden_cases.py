"""Golden cases, which editors and reviewers may edit as they edit rules; a cut keeps what it would change."""

import django.db.models.deletion
import uuid
from django.db import migrations, models


GROUPS = ("Editor", "Reviewer")
ACTIONS = ("add", "change", "delete", "view")


def grant(apps, schema_editor):
    permissions = apps.get_model("auth.Permission").objects
    content_type, _ = apps.get_model("contenttypes.ContentType").objects.get_or_create(
        app_label="cms", model="goldencase"
    )
    rows = [
        permissions.get_or_create(
            content_type=content_type, codename=f"{action}_goldencase", defaults={"name": f"Can {action} golden case"}
        )[0]
        for action in ACTIONS
    ]
    for group in apps.get_model("auth.Group").objects.filter(name__in=GROUPS):
        group.permissions.add(*rows)


class Migration(migrations.Migration):

    dependencies = [
        ('cms', '0005_release_permissions'),
    ]

    operations = [
        migrations.AddField(
            model_name='cut',
            name='changes',
            field=models.JSONField(null=True),
        ),
        migrations.CreateModel(
            name='GoldenCase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('active', models.BooleanField(default=True, verbose_name='active')),
                ('note', models.CharField(blank=True, help_text='For editors: why it is there.', max_length=200, verbose_name='note')),
                ('uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('query', models.CharField(max_length=500, verbose_name='question')),
                ('channel', models.CharField(choices=[('bot', 'bot'), ('agent', 'agent'), ('widget', 'widget')], default='bot', max_length=10, verbose_name='asked by')),
                ('locale', models.CharField(blank=True, choices=[('zh-hans', '简体中文'), ('en', 'English')], help_text='Left empty, the language of the question.', max_length=10, verbose_name='language')),
                ('order_state', models.CharField(blank=True, help_text="As the shop's system names it: paid, shipped, delivered, refunding …", max_length=32, verbose_name='state of the order')),
                ('must', models.BooleanField(default=False, help_text='A release that fails it is blocked.', verbose_name='must pass')),
                ('source', models.CharField(choices=[('editor', "an editor's own"), ('accepted', "a customer's, confirmed")], default='editor', max_length=10, verbose_name='source')),
                ('faq', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cms.faq', verbose_name='FAQ')),
                ('product', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cms.product', verbose_name='product')),
                ('script', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cms.script', verbose_name='script')),
                ('shop', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)ss', to='cms.shop', verbose_name='shop')),
            ],
            options={
                'verbose_name': 'golden case',
                'verbose_name_plural': 'golden cases',
                'ordering': ['shop', 'pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('faq', None), ('script', None), _connector='OR'), name='case_has_at_most_one_entry', violation_error_message='Choose an FAQ or a script, or neither.')],
            },
        ),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
