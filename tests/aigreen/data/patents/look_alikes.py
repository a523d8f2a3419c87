"""Names that are easily taken for those of a listed firm, and true spellings of its own, with the firm behind each.

Provinces and their cities: every province has firms of five trades, and so does every city below it. The others are
groups and the firms that they listed, subsidiaries, brands of two characters, short names and English names.
"""

import pandas as pd

from aigreen.data import facts

TRADES = ("银行", "钢铁", "水泥", "新能源科技", "生物医药")
FIRMS = {
    "000100": ("TCL集团股份有限公司", "TCL集团"),
    "000333": ("美的集团股份有限公司", "美的集团"),
    "000625": ("重庆长安汽车股份有限公司", "长安汽车"),
    "000876": ("四川新希望农业股份有限公司", "新希望"),
    "000932": ("湖南华菱钢铁股份有限公司", "华菱钢铁"),
    "002121": ("深圳市科陆电子科技股份有限公司", "科陆电子"),
    "002594": ("比亚迪股份有限公司", "比亚迪"),
    "600028": ("中国石油化工股份有限公司", "中国石化"),
    "600276": ("江苏恒瑞医药股份有限公司", "恒瑞医药"),
    "600418": ("安徽江淮汽车股份有限公司", "江淮汽车"),
    "600426": ("山东华鲁恒升化工股份有限公司", "华鲁恒升"),
    "600660": ("福耀玻璃工业集团股份有限公司", "福耀玻璃"),
    "600690": ("青岛海尔股份有限公司", "青岛海尔"),
    "600713": ("南京医药股份有限公司", "南京医药"),
    "600845": ("上海宝信软件股份有限公司", "宝信软件"),
    "600875": ("东方电气股份有限公司", "东方电气"),
    "601727": ("上海电气集团股份有限公司", "上海电气"),
}
OTHER_NAMES = (
    ("000333", "广东美的制冷设备有限公司", "subsidiary"),
    ("000333", "Midea Group Co., Ltd.", "alias"),
    ("000625", "Chongqing Changan Automobile Co., Ltd.", "alias"),
    ("002121", "Shenzhen Clou Electronics Co., Ltd.", "alias"),
    ("600276", "成都盛迪医药有限公司", "subsidiary"),
    ("600660", "福耀集团（上海）汽车玻璃有限公司", "subsidiary"),
    ("600690", "青岛海尔智能家电科技有限公司", "subsidiary"),
)
OTHERS = (
    # groups and controlling owners are other bodies than the firm that is listed
    "安徽江淮汽车集团有限公司",
    "海尔集团公司",
    "中国石油化工集团公司",
    "中国石油化工总公司",
    "湖南华菱钢铁集团有限责任公司",
    "重庆长安汽车集团有限公司",
    "比亚迪集团有限公司",
    "东方电气集团有限公司",
    "四川新希望农业集团有限公司",
    "山东华鲁恒升集团有限公司",
    "江苏恒瑞医药集团有限公司",
    "南京医药集团有限责任公司",
    # brands of other places, and other brands of the same place
    "南京宝信软件有限公司",
    "上海宝讯软件有限公司",
    "常州恒瑞医药有限公司",
    "苏州恒瑞医药有限公司",
    "北京新希望农业有限公司",
    "新希望有限公司",
    "广州科陆电子科技有限公司",
    "深圳市科鹿电子科技有限公司",
    "武汉华菱钢铁有限公司",
    "北京医药股份有限公司",
    "南通医药有限公司",
    "上海电力股份有限公司",
    "西方电气股份有限公司",
    "浙江长安汽车有限公司",
    "广东海尔有限公司",
    "青岛海信股份有限公司",
    "济南华鲁恒升化工有限公司",
    "苏州美的制冷设备有限公司",
    "重庆长安汽车销售有限公司",
    "上海宝信软件园区管理有限公司",
    "合肥江淮汽车有限公司",
    "福建福耀玻璃贸易有限公司",
    "山东华鲁恒升化工机械有限公司",
    "Midea Real Estate Co., Ltd.",
    "Chongqing Changhan Automobile Co., Ltd.",
    "Shenzhen Cloud Electronics Co., Ltd.",
)
OWN = (
    ("000100", "TCL 集团股份有限公司"),
    ("000333", "美的集团有限公司"),
    ("000333", "广东美的制冷设备有限责任公司"),
    ("000333", "MIDEA GROUP CO LTD"),
    ("000333", "Midea Grp Co Ltd"),
    ("000625", "重庆长安汽车有限公司"),
    ("000625", "重庆市长安汽车股份有限公司"),
    ("000625", "CHONGQING CHANGAN AUTOMOBILE CO LTD"),
    ("000625", "Chongqing Changan Automobil Co Ltd"),
    ("000876", "四川新希望农业有限公司"),
    ("000932", "湖南华菱钢铁有限公司"),
    ("000932", "华菱钢铁股份有限公司"),
    ("002121", "深圳科陆电子科技股份有限公司"),
    ("002121", "深圳市科陆电子科枝股份有限公司"),
    ("002121", "Shenzhen CLOU Electronics Co.,Ltd"),
    ("002594", "比亚迪有限公司"),
    ("002594", "比亚迪（股份）有限公司"),
    ("600028", "中国石油化工有限公司"),
    ("600276", "江苏恒瑞医药有限公司"),
    ("600276", "成都盛迪医药有限责任公司"),
    ("600418", "江淮汽车股份有限公司"),
    ("600426", "山东华鲁恒升化工有限公司"),
    ("600426", "山东省华鲁恒升化工股份有限公司"),
    ("600426", "山东华鲁恒升化公股份有限公司"),
    ("600660", "福耀玻璃工业集团有限公司"),
    ("600660", "福耀集团(上海)汽车玻璃有限公司"),
    ("600690", "青岛市海尔股份有限公司"),
    ("600713", "南京医药有限公司"),
    ("600845", "上海宝信软件有限公司"),
    ("600845", "上海 宝信 软件 股份有限公司"),
    ("600875", "东方电气有限公司"),
    ("601727", "上海电气集团有限公司"),
)


def look_alikes() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the registry, and ``name, firm_id, kind`` of applicants; those of no firm have none."""
    provinces = facts.table("divisions_other").query("unit_type == 'province'")
    cities = facts.table("divisions").query("unit_type != 'municipality'")
    short = dict(
        zip(
            provinces["gb_code"],
            provinces["name_zh"].str.replace("省|(?:壮族|回族|维吾尔)?自治区", "", regex=True),
            strict=True,
        )
    )
    rows, people = [], []
    for firm, (full, brief) in FIRMS.items():
        rows += [(firm, full, "firm"), (firm, brief, "alias")]
        people.append((full, firm, "own"))
    for nth, place in enumerate(short.values()):
        for k, trade in enumerate(TRADES):
            firm = f"30{nth:02d}{k:02d}"
            rows += [(firm, f"{place}{trade}股份有限公司", "firm"), (firm, f"{place}{trade}", "alias")]
            people += [(f"{place}{trade}股份有限公司", firm, "own"), (f"{place}{trade}有限公司", firm, "own")]
    for code, city in zip(cities["province_code"], cities["name_zh"].str.removesuffix("市"), strict=True):
        people += [(f"{city}{trade}股份有限公司", None, "city of the province") for trade in TRADES if code in short]
    rows += OTHER_NAMES
    people += [(name, firm, "own") for firm, name in OWN] + [(name, None, "other") for name in OTHERS]
    return pd.DataFrame(rows, columns=["firm_id", "name", "kind"]), pd.DataFrame(
        people, columns=["name", "firm_id", "kind"]
    ).drop_duplicates("name")
