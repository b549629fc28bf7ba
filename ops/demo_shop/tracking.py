"""What a carrier writes down on a parcel's way, in both languages. Times are seconds since 1970, UTC."""

from ops.demo_shop.catalogue import WAREHOUSE_EN, WAREHOUSE_ZH, City
from ops.demo_shop.model import HOUR_S, TrackingEvent


def usual_way(shipped_at: int, arrival: int, city: City) -> list[TrackingEvent]:
    """From the warehouse to the door."""
    return [
        *_to_city(shipped_at, arrival, city),
        _out_for_delivery(arrival - 2 * HOUR_S, city),
        TrackingEvent(arrival, "已签收，签收人：本人", "Delivered and signed for by the recipient"),
    ]


def stuck_in_transit(shipped_at: int, now: int, arrival: int, city: City) -> list[TrackingEvent]:
    """It stays at a hub for days; the carrier says why, and it will come in the end."""
    departed, hub, _ = _to_city(shipped_at, shipped_at + 40 * HOUR_S, city)
    told_at = max(hub.at + HOUR_S, now - 30 * HOUR_S)
    return [
        departed,
        hub,
        TrackingEvent(
            told_at,
            "受天气影响，中转延误，正在加急处理",
            "Held up at the hub by bad weather; being moved with priority",
        ),
        _out_for_delivery(arrival - 2 * HOUR_S, city),
        TrackingEvent(arrival, "已签收，签收人：本人", "Delivered and signed for by the recipient"),
    ]


def lost_in_transit(shipped_at: int, city: City) -> list[TrackingEvent]:
    """It left a hub and was never seen again."""
    departed, hub, _ = _to_city(shipped_at, shipped_at + 40 * HOUR_S, city)
    return [
        departed,
        hub,
        TrackingEvent(
            hub.at + 150 * HOUR_S,
            "多日无物流更新，承运方已登记为疑似丢失",
            "No scan for several days; the carrier has recorded the parcel as presumed lost",
        ),
    ]


def return_to_hub(shipped_at: int, arrival: int, city: City) -> list[TrackingEvent]:
    """The courier could not find the address."""
    return [
        *_to_city(shipped_at, arrival, city),
        _out_for_delivery(arrival - 2 * HOUR_S, city),
        TrackingEvent(
            arrival,
            "派送失败：地址有误或不完整，包裹已退回网点，等待更正地址",
            "Delivery failed: address wrong or incomplete; held at the depot until it is corrected",
        ),
    ]


def signed_elsewhere(shipped_at: int, arrival: int, city: City) -> list[TrackingEvent]:
    """It counts as delivered, but not into the customer's hands."""
    return [
        *_to_city(shipped_at, arrival, city),
        _out_for_delivery(arrival - 2 * HOUR_S, city),
        TrackingEvent(
            arrival,
            "已签收，签收方式：快递柜代收",
            "Delivered: left in a parcel locker",
        ),
    ]


def address_corrected(at: int) -> TrackingEvent:
    """The customer has given the right address to us, and we to the carrier."""
    return TrackingEvent(
        at, "地址已更正，将安排再次派送", "Address corrected; a new delivery attempt is planned"
    )


def redelivered(at: int) -> TrackingEvent:
    """The second attempt succeeded."""
    return TrackingEvent(at, "再次派送成功，已签收", "Delivered at the second attempt")


def _to_city(shipped_at: int, arrival: int, city: City) -> list[TrackingEvent]:
    """The line haul: collected, through the hub, into the customer's city."""
    span = arrival - shipped_at
    return [
        TrackingEvent(
            shipped_at,
            f"【{WAREHOUSE_ZH}】快件已揽收",
            f"{WAREHOUSE_EN}: collected from the warehouse",
        ),
        TrackingEvent(
            shipped_at + span * 3 // 10,
            f"【{WAREHOUSE_ZH}转运中心】已发往【{city.zh}】",
            f"{WAREHOUSE_EN} hub: departed for {city.en}",
        ),
        TrackingEvent(
            shipped_at + span * 3 // 4,
            f"【{city.zh}】到达派送网点",
            f"{city.en}: arrived at the local depot",
        ),
    ]


def _out_for_delivery(at: int, city: City) -> TrackingEvent:
    return TrackingEvent(
        at,
        f"【{city.zh}】快递员正在派送，请保持电话畅通",
        f"{city.en}: out for delivery; please keep your phone at hand",
    )
