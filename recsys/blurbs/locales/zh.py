# ruff: noqa: RUF001
"""Chinese (simplified): function words, openers, refused claims, units, relation markers."""

from __future__ import annotations

import re

from recsys.blurbs.locales import Locale, glue_pattern
from recsys.blurbs.locales.units import UNITS as LATIN_UNITS
from recsys.blurbs.locales.zh_paraphrase import (
    ALIKE,
    ALONE,
    COLOURS,
    DENIALS,
    DENIED_AFTER,
    FITS_AFTER,
    MATERIALS,
    MEASURES,
    NEGATIONS,
)
from recsys.blurbs.locales.zh_paraphrase import GLUE as MORE_GLUE


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{p})" for p in patterns), re.IGNORECASE)


FUNCTION_WORDS = frozenset(
    "的 了 是 在 和 与 及 或 也 都 就 还 而 并 这 那 此 该 其 它 您 你 一 款 种 件 个 这款 "
    "该款 这个 一款 一种 可 可以 能 以 为 于 由 用 从 到 对 "
    "将 被 把 "
    "采用 使用 具有 拥有 带有 配有 提供 属于 来自 选用 制成 制作 产品 商品 品牌 规格 类 系列 "
    "之 等 有 让 会 更 很 出 品 装 中 里 上 时 后 前 且 以及 搭配".split()
)

GLUE = frozenset(
    "方便 便于 轻松 直接 随时 日常 平时 可达 达 达到 能够 可供 供 放 放进 放入 装进 放得进 带 "
    "带着 带上 这套 这件 这些 "
    "整套 全套 一套 一个 一只 一起 同时 还有 另有 另外 并且 而且 此外 其中 共有 共 一共 总共 "
    "每 各 内含 包括 包含 含 含有 "
    "容量 重量 重 长 宽 高 长度 等级 级 级别 为 是 即 属 属于 面料 材料 材质 质地 款式 外观 "
    "设计 功能 拥有 具备 备有 "
    "使用 选用 采用 由 以 用 做 做成 打造 组成 构成 来自 出自 源自 产自 加上 配 配上 配合 搭 "
    "搭配 适用 合适 正好 不妨 "
    "选 挑 试试 看看 推荐 值得 考虑 选择 挑选 准备 需要时 时候 之后 以后 之前 后 前 里 中 上 "
    "下 内 外 也 都 还 再 又 就 便 "
    "更 很 较 比较 非常 十分 您 你 我们 它 它们 此款 本款 该 此 这 那 上述 对于 关于 对 给 让 "
    "使 令 把 将 被 与 和 及 "
    "以及 或 或者 跟 同 的 地 得 了 着 过 吗 呢 吧 啊 哦 哟 呀 等 等等 之 者 所 单 只 每次 "
    "每个 每件 一次 家里 家中 "
    "生活 礼物 伴侣 搭档 好帮手 帮手 帮您 帮助 陪伴 一款 一种 种 款 个 件 套 "
    "只要 即可 就能 便能 后可".split()
)
"""Further words that a text may have without support."""

CLAIMS = {
    "price": _any(
        r"[$¥\uffe5€£]\s*\d|\d\s*(?:元|块钱|美元|人民币)|价(?:格|位|钱|廉)?|便宜|优惠|打折|"
        r"\d折|折扣|促销|特价|包邮|免邮|实惠|划算|"
        r"省钱|性价比|满减|立减|降价|秒杀|红包|返现|赠品|买一送"
    ),
    "stock": _any(
        r"现货|库存|有货|缺货|售罄|售完|限量|限时|抢购|仅剩|仅有\d|最后\d|发货|次日达|当日达|"
        r"送货|到货|预售|热卖|热销|脱销|断货|补货|快递|手慢无"
    ),
    "health": _any(
        r"治疗|治愈|根治|疗效|预防|防癌|抗癌|养生|保健|减肥|瘦身|降(?:血|压|糖|脂)|血糖|血压|"
        r"免疫|健康|医用|医疗|药用|药效|缓解|止痛|消炎|杀菌|抗菌|"
        r"排毒|补肾|壮阳|抗衰|祛痘|祛斑|美白|助眠|安神|滋补|营养|无毒|无害|安全无"
    ),
    "superlative": _any(
        r"最(?![长多高大低少小久]\D{0,8}\d)(?!近|初|终)|第一|顶级|极致|极品|唯一|国家级|"
        r"世界级|完美|绝对|无与伦比|王牌|首选|独家|冠军|"
        r"顶尖|一流|卓越|至尊|奢华|高品质|优质|精品|无敌|史上|百分之百|"
        r"100%|万能|必备|必买|神器|惊艳|销量|爆款|网红|领先|领导品牌|超值|品质保证|质保|保修|"
        r"终身|正品|良心|美味|好吃"
    ),
    "competitor": _any(
        r"比.{1,12}(?:更|好|强|快|便宜|耐用)|胜过|优于|超越|媲美|平替|秒杀|不输|"
        r"同类(?:产品)?中|其他(?:品牌|牌子|产品)|竞品|对手|替代品"
    ),
    "instruction": _any(
        r"点击|下单|购买(?:链接|请)|立即|马上|赶紧|加(?:微信|购物车|群)|关注|扫码|联系(?:我们|"
        r"客服|卖家)|客服|咨询|好评|五星|评价|收藏|官网|网址|"
        r"淘宝|京东|拼多多|请"
    ),
    "personal": _any(
        r"(?:其他|别的|另一位?)(?:顾客|用户|客户|买家|人)|(?:用户|客户|会员|订单|账)号|"
        r"您的(?:姓名|地址|电话|邮箱|年龄|生日|收入|性别|孩子|宝宝|"
        r"妻子|丈夫|病)|"
        r"[王李张刘陈杨赵黄周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓冯曾程蔡彭潘袁董余苏叶"
        r"吕魏蒋田杜丁沈姜范傅钟卢汪戴崔任陆廖姚方邱夏谭贾邹石熊孟秦薛侯雷龙段郝孔邵史毛顾武康贺严尹"
        r"钱施洪龚](?:先生|女士)|身份证"
    ),
}

NAMED_CLAIMS = {
    "health": _any(
        r"(?:低|零|无|减|少|0)(?:脂|糖|盐|钠|卡|添加)|有机|天然|维生素|蛋白|纤维素|无麸质"
    )
}

_UNIT_WORDS = (
    "克 g | 公斤 千克 kg | 斤 jin | 毫克 mg | 毫升 ml | 升 l | 厘米 cm | 毫米 mm | 米 m |"
    " 英寸 inch | 寸 寸屏 cun | 英尺 ft | 瓦 w | 伏 v | 度 degree | 小时 hour | 分钟 minute |"
    " 秒 second | 天 day | 周 week | 月 month | 年 year | 罐 can | 瓶 bottle | 包 pack |"
    " 袋 bag | 盒 box | 箱 case | 卷 roll | 片 slice | 张 sheet | 支 zhi | 件 只 个 枚 item |"
    " 粒 grain | 条 strip | 双 pair | 套 set | 台 unit | 杯 cup | 块 chunk | 根 rod |"
    " 本 volume | 层 layer | 档 level"
)
"""Written units, then the canonical one; a bar between units."""

UNITS = {
    **LATIN_UNITS,
    **{w: line.split()[-1] for line in _UNIT_WORDS.split("|") for w in line.split()[:-1]},
}

_ALIKE = {word: group[0] for group in ALIKE for word in group}

_MARKERS = {
    "fit": "放在|适用于|适合|适用|兼容|用于|适配|配合|专为|配|放进|放入|装进|放得进|放下|"
    "能放|加上|连同",
    "not": "不|无|非|未|没有|没|免|勿|除",
    "need": "需要|需",
    "upto": "最多|最长|最高|最大|不超过|以下|至多",
    "atleast": "至少|最少|不少于|以上",
    "about": "约|大约|左右",
}

ZH = Locale(
    code="zh",
    spaced=False,
    function_words=FUNCTION_WORDS,
    openers={
        "often_buy": (
            "您常买{label}，推荐这款：",
            "因为您常买{label}：",
            "您经常购买{label}，不妨看看：",
        ),
        "bought": ("因为您买过{label}：", "您买过{label}，推荐这款："),
        "goes_with": ("可搭配您购买的{label}：", "与您买的{label}搭配："),
        "similar": ("与您买过的{label}相似：",),
    },
    titles=("{title}。",),
    claims=CLAIMS,
    named_claims=NAMED_CLAIMS,
    units=UNITS,
    long_units=frozenset({"fl", "fluid"}),
    containers=frozenset(),
    after_inch=frozenset(),
    number_words={},
    markers=tuple(
        sorted(
            (((m,), cls) for cls, text in _MARKERS.items() for m in text.split("|")),
            key=lambda m: -len(m[0][0]),
        )
    ),
    directed=frozenset(),
    history=_any(
        r"[您你](?:家里|家中|手上|手边)?(?:已经|已|也|都)?有(?=.{0,3}\ue000)|"
        r"[您你](?:经常|常常|常|总|一直|曾|之前|最近|刚|已|曾经|已经|上次)?(?:购买|买|入手|"
        r"添置|喜欢|爱|选购|用|下单|"
        r"拥有|浏览|看)|(?:搭配|配合|根据|基于)[您你]|"
        r"[您你]的(?:购物|购买|历史|订单|常购|喜好)|(?:您|你)的(?=\ue000)|(?:购?买|入手|用|"
        r"看|喝|吃|读|玩|穿)[了过](?=\ue000)|(?:适合|配|给|为|搭|同|与|和|跟)(?:您|你)"
    ),
    history_words=frozenset(
        "因为 因 由于 既然 您 你 经常 常常 常 总 一直 曾 之前 最近 刚 已 购买 买 买过 过 喜欢 "
        "爱 选购 用 用过 下单 拥有 浏览 看 看过 的 了 可 可以 "
        "搭配 配合 与 和 跟 同 相似 类似 推荐 这款 不妨 看看 试试 一起 放 放进 放入 放得进 "
        "装进 带 带上 购买过 买到 入手 入手了 选 选了 添置 常用 家里 的话 如果 假如 要是 正好 "
        "刚好 配上 配 适合 给 为 一套 来 一款 一份 也许 可能 或许 想要 需要 还 就 就能 那么 那 "
        "不如 考虑 再来 顺便 另外 同时 加上 这次 上次 以前 先前 根据 基于 购物 历史 订单 也 "
        "所以 再 为您 给您 这个".split()
    ),
    frequency=_any(r"经常|常常|常买|总是|一直|每(?:天|周|月)"),
    sensitive=_any(
        r"避孕|安全套|振动棒|跳蛋|古兰经|雪茄|香槟|成人纸尿裤|怀孕|孕妇|验孕|排卵|情趣|成人用品|性用品|卫生巾|卫生棉|失禁|糖尿病|胰岛素|"
        r"血糖仪|癌|痔|泻药|处方|药品|药物|中药|西药|戒烟|香烟|烟草|电子烟|"
        r"啤酒|白酒|红酒|葡萄酒|烈酒|威士忌|伏特加|白兰地|酒类|鼻烟|减肥|脱发|助听器|假牙|轮椅|宗教|佛|圣经|政治|枪|艾滋|性病|"
        r"抑郁|安眠"
    ),
    foreign_words=frozenset(),
    field_words={
        "brand": frozenset({"品牌", "牌"}),
        "category": frozenset({"类", "分类"}),
        "size": frozenset({"规格", "装"}),
        "material": frozenset({"材质", "采用", "制成"}),
    },
    values={},
    glued_unit=glue_pattern(LATIN_UNITS),
    end_mark="。",
    glue=GLUE | MORE_GLUE | DENIALS,
    materials=MATERIALS,
    colours=COLOURS,
    alike=_ALIKE,
    alike_pattern=re.compile("|".join(sorted(_ALIKE, key=len, reverse=True))),
    alone=ALONE,
    measures=MEASURES,
    negations=NEGATIONS,
    denied_after=DENIED_AFTER,
    fits_after=FITS_AFTER,
)
