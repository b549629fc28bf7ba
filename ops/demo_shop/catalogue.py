"""What the shop sells, who carries it, and the words on a parcel's way."""

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    AUDIO = "audio"
    HOME = "home"
    KITCHEN = "kitchen"
    OUTDOOR = "outdoor"
    CLOTHES = "clothes"
    CARE = "care"
    DESK = "desk"
    CHILDREN = "children"


CATEGORY_NAMES: dict[Category, tuple[str, str]] = {
    Category.AUDIO: ("影音数码", "Audio & devices"),
    Category.HOME: ("家居生活", "Home"),
    Category.KITCHEN: ("厨房", "Kitchen"),
    Category.OUTDOOR: ("户外运动", "Outdoor"),
    Category.CLOTHES: ("服饰", "Clothing"),
    Category.CARE: ("个护", "Personal care"),
    Category.DESK: ("办公文具", "Desk"),
    Category.CHILDREN: ("母婴玩具", "Children"),
}
"""In Chinese and in English."""


@dataclass(frozen=True)
class Product:
    """`price_fen` is in hundredths of a yuan."""

    id: str
    category: Category
    title_zh: str
    title_en: str
    price_fen: int


PRODUCTS: tuple[Product, ...] = (
    Product("P101", Category.AUDIO, "降噪头戴耳机 H7", "Noise-cancelling headphones H7", 129_900),
    Product("P102", Category.AUDIO, "真无线蓝牙耳机 Air", "True wireless earbuds Air", 39_900),
    Product("P103", Category.AUDIO, "便携蓝牙音箱", "Portable Bluetooth speaker", 25_900),
    Product("P104", Category.AUDIO, "65W 氮化镓充电器", "65 W GaN charger", 14_900),
    Product("P105", Category.AUDIO, "磁吸充电宝 10000 毫安时", "Magnetic power bank 10,000 mAh", 19_900),
    Product("P106", Category.AUDIO, "透明手机壳", "Clear phone case", 4_900),
    Product("P107", Category.AUDIO, "智能手环 6", "Fitness band 6", 27_900),
    Product("P201", Category.HOME, "羽绒被 1.5 米", "Down duvet, 150 cm", 69_900),
    Product("P202", Category.HOME, "记忆棉枕头", "Memory-foam pillow", 16_900),
    Product("P203", Category.HOME, "香薰加湿器", "Aroma humidifier", 18_900),
    Product("P204", Category.HOME, "无线吸尘器 V3", "Cordless vacuum V3", 149_900),
    Product("P205", Category.HOME, "纯棉四件套", "Cotton bedding set, four pieces", 32_900),
    Product("P301", Category.KITCHEN, "手冲咖啡壶套装", "Pour-over coffee set", 23_900),
    Product("P302", Category.KITCHEN, "空气炸锅 5 升", "Air fryer, 5 l", 39_900),
    Product("P303", Category.KITCHEN, "不粘炒锅 30 厘米", "Non-stick wok, 30 cm", 21_900),
    Product("P304", Category.KITCHEN, "保温杯 500 毫升", "Vacuum flask, 500 ml", 8_900),
    Product("P305", Category.KITCHEN, "玻璃饭盒三件装", "Glass lunch boxes, set of three", 9_900),
    Product("P401", Category.OUTDOOR, "双人露营帐篷", "Two-person tent", 59_900),
    Product("P402", Category.OUTDOOR, "碳纤维登山杖", "Carbon trekking poles", 28_900),
    Product("P403", Category.OUTDOOR, "防水双肩包 28 升", "Waterproof backpack, 28 l", 34_900),
    Product("P404", Category.OUTDOOR, "瑜伽垫 加厚 8 毫米", "Yoga mat, 8 mm", 12_900),
    Product("P501", Category.CLOTHES, "男士防风外套", "Men's windproof jacket", 45_900),
    Product("P502", Category.CLOTHES, "女士羊毛大衣", "Women's wool coat", 89_900),
    Product("P503", Category.CLOTHES, "轻量跑步鞋", "Lightweight running shoes", 49_900),
    Product("P504", Category.CLOTHES, "纯棉 T 恤两件装", "Cotton T-shirts, pack of two", 13_900),
    Product("P601", Category.CARE, "声波电动牙刷", "Sonic toothbrush", 29_900),
    Product("P602", Category.CARE, "负离子吹风机", "Ionic hair dryer", 36_900),
    Product("P603", Category.CARE, "保湿面霜 50 毫升", "Moisturising cream, 50 ml", 15_900),
    Product("P701", Category.DESK, "人体工学椅", "Ergonomic chair", 119_900),
    Product("P702", Category.DESK, "机械键盘 87 键", "Mechanical keyboard, 87 keys", 42_900),
    Product("P703", Category.DESK, "护眼台灯", "Eye-care desk lamp", 24_900),
    Product("P801", Category.CHILDREN, "儿童积木 500 粒", "Building blocks, 500 pieces", 19_900),
    Product("P802", Category.CHILDREN, "婴儿推车", "Baby stroller", 99_900),
    Product("P803", Category.CHILDREN, "绘本十册套装", "Picture books, set of ten", 16_800),
)

PRODUCTS_BY_ID = {product.id: product for product in PRODUCTS}


@dataclass(frozen=True)
class Carrier:
    """An invented carrier."""

    name_zh: str
    name_en: str
    prefix: str


CARRIERS: tuple[Carrier, ...] = (
    Carrier("迅达速运", "Swiftway Express", "SW"),
    Carrier("北辰快递", "Polaris Parcel", "PL"),
    Carrier("云渡物流", "Cloudferry Logistics", "CF"),
)


@dataclass(frozen=True)
class City:
    """A city the shop delivers to, with a district and some streets of it."""

    zh: str
    en: str
    area_zh: str
    area_en: str
    streets: tuple[tuple[str, str], ...]


CITIES: tuple[City, ...] = (
    City("北京", "Beijing", "北京市朝阳区", "Chaoyang, Beijing", (("建国路", "Jianguo Road"), ("望京街", "Wangjing Street"))),
    City("上海", "Shanghai", "上海市浦东新区", "Pudong, Shanghai", (("世纪大道", "Century Avenue"), ("张杨路", "Zhangyang Road"))),
    City("广州", "Guangzhou", "广东省广州市天河区", "Tianhe, Guangzhou", (("体育西路", "Tiyu West Road"), ("天河路", "Tianhe Road"))),
    City("深圳", "Shenzhen", "广东省深圳市南山区", "Nanshan, Shenzhen", (("科技南路", "Keji South Road"), ("海德三道", "Haide 3rd Road"))),
    City("成都", "Chengdu", "四川省成都市武侯区", "Wuhou, Chengdu", (("人民南路", "Renmin South Road"), ("科华北路", "Kehua North Road"))),
    City("南京", "Nanjing", "江苏省南京市鼓楼区", "Gulou, Nanjing", (("中山北路", "Zhongshan North Road"), ("汉口路", "Hankou Road"))),
    City("武汉", "Wuhan", "湖北省武汉市洪山区", "Hongshan, Wuhan", (("珞喻路", "Luoyu Road"), ("民族大道", "Minzu Avenue"))),
    City("西安", "Xi'an", "陕西省西安市雁塔区", "Yanta, Xi'an", (("小寨东路", "Xiaozhai East Road"), ("科技路", "Keji Road"))),
    City("苏州", "Suzhou", "江苏省苏州市姑苏区", "Gusu, Suzhou", (("人民路", "Renmin Road"), ("干将东路", "Ganjiang East Road"))),
    City("青岛", "Qingdao", "山东省青岛市市南区", "Shinan, Qingdao", (("香港中路", "Hong Kong Middle Road"), ("闽江路", "Minjiang Road"))),
)  # fmt: skip

NAMES_ZH: tuple[str, ...] = (
    "林若溪", "陈子涵", "王建国", "李思远", "张晓梅", "刘一鸣", "赵雅婷", "周文博", "吴佳怡", "郑凯",
    "孙丽华", "马骏", "朱雨欣", "胡志强", "郭静", "何俊杰", "高敏", "罗天佑", "梁诗韵", "宋大伟",
    "唐婉清", "许诺", "韩冬", "冯雪", "邓超然", "曹颖", "彭宇航", "曾淑芬", "萧逸", "欧阳明月",
)  # fmt: skip

NAMES_EN: tuple[str, ...] = (
    "Emma Carter", "Daniel Okafor", "Sofia Marino", "Liam O'Brien", "Priya Nair", "Hannah Weiss",
    "Marcus Lee", "Chloe Dubois", "Noah Svensson", "Aisha Rahman", "Tom Whitaker", "Grace Kim",
    "Oliver Novak", "Isabel Romero", "Ben Thornton", "Yuki Tanaka",
)  # fmt: skip

WAREHOUSE_ZH = "杭州"
WAREHOUSE_EN = "Hangzhou"

_ELSEWHERE = City("目的地", "your city", "", "", ())


def city_of(address: str) -> City:
    """The city an address lies in; a nameless one where the shop does not know it."""
    for city in CITIES:
        if city.zh in address or city.en.casefold() in address.casefold():
            return city
    return _ELSEWHERE
