"""The storefront's words, in Chinese and in English."""

from ops.demo_shop.model import OrderException, OrderState, Tier

PAGE_WORDS: dict[str, tuple[str, str]] = {
    "shop": ("守诺优选", "Holdfast Select"),
    "tagline": ("认真挑选的日常好物", "Everyday things, chosen with care"),
    "demo_note": (
        "这是 Holdfast 的演示商店：商品、会员和订单均为虚构。",
        "This is Holdfast's demonstration shop: goods, members and orders are made up.",
    ),
    "switch_language": ("English", "中文"),
    "sign_in": ("登录", "Sign in"),
    "sign_in_as": ("演示会员", "Demo member"),
    "sign_out": ("退出登录", "Sign out"),
    "signed_in_as": ("已登录：", "Signed in: "),
    "products": ("本周精选", "This week's picks"),
    "my_orders": ("我的订单", "My orders"),
    "no_orders": ("还没有订单。", "No orders yet."),
    "order_number": ("订单号", "Order"),
    "goods": ("商品", "Goods"),
    "placed_at": ("下单时间", "Placed"),
    "amount": ("金额", "Amount"),
    "state": ("状态", "State"),
    "help_title": ("需要帮助？", "Need help?"),
    "help_text": (
        "点击右下角的客服按钮，可以查物流、办理退货退款，或者转人工。登录后再咨询，客服能直接看到您的订单。",
        "Use the chat button in the corner to follow a parcel, return something or talk to a person. Sign in first and we can see your orders.",
    ),
}

STATE_WORDS: dict[OrderState, tuple[str, str]] = {
    OrderState.PENDING_PAYMENT: ("待付款", "Awaiting payment"),
    OrderState.PAID: ("已付款", "Paid"),
    OrderState.PACKED: ("已打包", "Packed"),
    OrderState.SHIPPED: ("运输中", "On its way"),
    OrderState.DELIVERED: ("已签收", "Delivered"),
    OrderState.COMPLETED: ("已完成", "Completed"),
    OrderState.CANCELLED: ("已取消", "Cancelled"),
    OrderState.RETURNING: ("退货中", "Being returned"),
    OrderState.REFUNDED: ("已退款", "Refunded"),
}

EXCEPTION_WORDS: dict[OrderException, tuple[str, str]] = {
    OrderException.DELAYED: ("物流延误", "Delayed"),
    OrderException.LOST: ("疑似丢失", "Presumed lost"),
    OrderException.WRONG_ADDRESS: ("地址有误", "Wrong address"),
    OrderException.NOT_RECEIVED: ("快递柜代收", "Left in a locker"),
}

TIER_WORDS: dict[Tier, tuple[str, str]] = {
    Tier.REGULAR: ("普通会员", "Regular"),
    Tier.SILVER: ("银卡会员", "Silver"),
    Tier.GOLD: ("金卡会员", "Gold"),
    Tier.DIAMOND: ("钻石会员", "Diamond"),
}
