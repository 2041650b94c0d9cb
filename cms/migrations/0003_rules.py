"""Synonyms, pins and intent rules; editors and reviewers may edit them as they edit entries."""

import django.db.models.deletion
import uuid
from django.db import migrations, models

GROUPS = ("Editor", "Reviewer")
MODELS = ("synonymgroup", "pin", "intentrule")
ACTIONS = ("add", "change", "delete", "view")


def grant(apps, schema_editor):
    permissions = apps.get_model("auth.Permission").objects
    content_types = apps.get_model("contenttypes.ContentType").objects
    rows = []
    for model in MODELS:
        content_type, _ = content_types.get_or_create(app_label="cms", model=model)
        for action in ACTIONS:
            row, _ = permissions.get_or_create(
                content_type=content_type, codename=f"{action}_{model}", defaults={"name": f"Can {action} {model}"}
            )
            rows.append(row)
    for group in apps.get_model("auth.Group").objects.filter(name__in=GROUPS):
        group.permissions.add(*rows)


class Migration(migrations.Migration):

    dependencies = [
        ('cms', '0002_groups_and_workflow'),
    ]

    operations = [
        migrations.CreateModel(
            name='IntentRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('active', models.BooleanField(default=True, verbose_name='active')),
                ('note', models.CharField(blank=True, help_text='For editors: why it is there.', max_length=200, verbose_name='note')),
                ('uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('intent', models.CharField(choices=[('presale.product', 'Pre-sale: product question'), ('presale.stock', 'Pre-sale: stock'), ('presale.recommend', 'Pre-sale: which one to choose'), ('presale.price', 'Pre-sale: price'), ('order.change', 'Order: change'), ('order.cancel', 'Order: cancel'), ('order.status', 'Order: state'), ('payment.method', 'Payment: ways to pay'), ('payment.problem', 'Payment: problem'), ('logistics.shipping_time', 'Logistics: when it ships'), ('logistics.tracking', 'Logistics: where it is'), ('logistics.delivery', 'Logistics: delivery'), ('logistics.fee', 'Logistics: shipping fee'), ('logistics.problem', 'Logistics: problem'), ('aftersale.return', 'After-sale: return'), ('aftersale.exchange', 'After-sale: exchange'), ('aftersale.refund', 'After-sale: refund'), ('aftersale.warranty', 'After-sale: warranty'), ('aftersale.quality', 'After-sale: quality problem'), ('invoice.request', 'Invoice: request'), ('invoice.change', 'Invoice: change'), ('promotion.coupon', 'Promotion: coupon'), ('promotion.activity', 'Promotion: campaign'), ('promotion.price_protection', 'Promotion: price protection'), ('account.membership', 'Account: membership'), ('account.login', 'Account: login'), ('account.privacy', 'Account: privacy'), ('complaint.service', 'Complaint'), ('service.hours', 'Service: hours'), ('service.human', 'Service: a person')], max_length=40, verbose_name='intent')),
                ('keywords', models.TextField(blank=True, help_text="One a line; one of them in the customer's text is enough.", verbose_name='keywords')),
                ('examples', models.TextField(blank=True, help_text='One a line; the customer says the same, or all of it in another order or with more around it.', verbose_name='example sentences')),
                ('urgent', models.BooleanField(default=False, help_text='Comes first at the desk.', verbose_name='urgent')),
                ('sort_order', models.PositiveSmallIntegerField(default=100, help_text='Of several rules that fit, the one with the lowest number counts.', verbose_name='order')),
                ('shop', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)ss', to='cms.shop', verbose_name='shop')),
            ],
            options={
                'verbose_name': 'intent rule',
                'verbose_name_plural': 'intent rules',
                'ordering': ['shop', 'sort_order', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='SynonymGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('active', models.BooleanField(default=True, verbose_name='active')),
                ('note', models.CharField(blank=True, help_text='For editors: why it is there.', max_length=200, verbose_name='note')),
                ('uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('terms', models.TextField(help_text='One a line. A word in Latin letters is found as a whole, never inside another word.', verbose_name='terms')),
                ('direction', models.CharField(choices=[('two_way', 'two-way: any of them means the others'), ('one_way', 'one-way: the first is meant, the others are also said for it')], default='two_way', max_length=10, verbose_name='direction')),
                ('shop', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)ss', to='cms.shop', verbose_name='shop')),
            ],
            options={
                'verbose_name': 'synonym group',
                'verbose_name_plural': 'synonyms',
                'ordering': ['shop', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Pin',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('active', models.BooleanField(default=True, verbose_name='active')),
                ('note', models.CharField(blank=True, help_text='For editors: why it is there.', max_length=200, verbose_name='note')),
                ('uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('queries', models.TextField(help_text='One a line. Case, width, traditional characters and punctuation do not count.', verbose_name='for these questions')),
                ('match', models.CharField(choices=[('exact', 'is this question'), ('contains', 'contains these words')], default='exact', max_length=10, verbose_name="the customer's text")),
                ('action', models.CharField(choices=[('first', 'give this entry first'), ('never', 'never give this entry')], default='first', max_length=10, verbose_name='do this')),
                ('starts', models.DateTimeField(blank=True, null=True, verbose_name='from')),
                ('ends', models.DateTimeField(blank=True, null=True, verbose_name='until')),
                ('faq', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cms.faq', verbose_name='FAQ')),
                ('script', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='cms.script', verbose_name='script')),
                ('shop', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)ss', to='cms.shop', verbose_name='shop')),
            ],
            options={
                'verbose_name': 'pin',
                'verbose_name_plural': 'pins',
                'ordering': ['shop', 'pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('faq', None), ('script', None), _connector='XOR'), name='pin_has_one_entry', violation_error_message='Choose an FAQ or a script, one of them.')],
            },
        ),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
