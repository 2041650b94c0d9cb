"""The intents an entry can have, `area.detail`: reports group by the area, urgent ones come first at the desk."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Intent(models.TextChoices):
    PRODUCT = "presale.product", _("Pre-sale: product question")
    STOCK = "presale.stock", _("Pre-sale: stock")
    RECOMMEND = "presale.recommend", _("Pre-sale: which one to choose")
    PRICE = "presale.price", _("Pre-sale: price")
    ORDER_CHANGE = "order.change", _("Order: change")
    ORDER_CANCEL = "order.cancel", _("Order: cancel")
    ORDER_STATUS = "order.status", _("Order: state")
    PAYMENT_METHOD = "payment.method", _("Payment: ways to pay")
    PAYMENT_PROBLEM = "payment.problem", _("Payment: problem")
    SHIPPING_TIME = "logistics.shipping_time", _("Logistics: when it ships")
    TRACKING = "logistics.tracking", _("Logistics: where it is")
    DELIVERY = "logistics.delivery", _("Logistics: delivery")
    SHIPPING_FEE = "logistics.fee", _("Logistics: shipping fee")
    LOGISTICS_PROBLEM = "logistics.problem", _("Logistics: problem")
    RETURN = "aftersale.return", _("After-sale: return")
    EXCHANGE = "aftersale.exchange", _("After-sale: exchange")
    REFUND = "aftersale.refund", _("After-sale: refund")
    WARRANTY = "aftersale.warranty", _("After-sale: warranty")
    QUALITY = "aftersale.quality", _("After-sale: quality problem")
    INVOICE_REQUEST = "invoice.request", _("Invoice: request")
    INVOICE_CHANGE = "invoice.change", _("Invoice: change")
    COUPON = "promotion.coupon", _("Promotion: coupon")
    ACTIVITY = "promotion.activity", _("Promotion: campaign")
    PRICE_PROTECTION = "promotion.price_protection", _("Promotion: price protection")
    MEMBERSHIP = "account.membership", _("Account: membership")
    LOGIN = "account.login", _("Account: login")
    PRIVACY = "account.privacy", _("Account: privacy")
    COMPLAINT = "complaint.service", _("Complaint")
    HOURS = "service.hours", _("Service: hours")
    HUMAN = "service.human", _("Service: a person")


URGENT = frozenset({Intent.LOGISTICS_PROBLEM, Intent.REFUND, Intent.QUALITY, Intent.COMPLAINT})
