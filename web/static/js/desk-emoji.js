// A small list: what service people really use, found by words of both languages.

const EMOJI = [
  ["🙂", "微笑 smile"], ["😊", "开心 笑 happy blush"], ["😄", "大笑 grin laugh"], ["😅", "尴尬 汗 sweat"],
  ["😂", "笑哭 joy"], ["🤝", "合作 握手 deal handshake"], ["🙏", "感谢 拜托 抱歉 thanks please sorry"],
  ["👍", "好 赞 ok good thumbs"], ["👌", "好的 没问题 ok fine"], ["💪", "加油 strong"], ["👏", "鼓掌 clap"],
  ["❤️", "爱心 喜欢 heart love"], ["🌹", "玫瑰 花 rose flower"], ["🎉", "庆祝 恭喜 party congratulations"],
  ["🎁", "礼物 赠品 gift"], ["📦", "包裹 快递 parcel box"], ["🚚", "发货 物流 送货 truck delivery"],
  ["🏠", "家 地址 home address"], ["📍", "位置 定位 place pin"], ["💰", "钱 退款 money refund"],
  ["💳", "银行卡 支付 card payment"], ["🧾", "发票 小票 invoice receipt"], ["🛒", "购物车 下单 cart order"],
  ["🔧", "维修 安装 repair tool"], ["⏰", "时间 提醒 clock time"], ["⏳", "稍等 等待 wait hourglass"],
  ["✅", "完成 已办 done check"], ["❌", "不行 取消 no cancel"], ["⚠️", "注意 warning"], ["📞", "电话 phone call"],
  ["📷", "照片 拍照 photo camera"], ["📝", "记录 登记 note write"], ["☀️", "早上好 晴 sun morning"],
  ["🌙", "晚安 月亮 night moon"], ["😢", "难过 哭 sad cry"], ["😞", "失望 disappointed"], ["😟", "担心 worried"],
  ["🤔", "思考 think"], ["😮", "惊讶 surprised"], ["🙇", "致歉 鞠躬 sorry bow"], ["👀", "查看 look eyes"],
  ["✨", "亮点 sparkles"], ["🔥", "热卖 火 fire hot"], ["⭐", "好评 星 star"], ["🆗", "可以 ok"],
];

/** Those whose words hold the query, the best known first; all for none. */
export function matchingEmoji(query) {
  const wanted = query.toLowerCase();
  return EMOJI.filter(([, words]) => words.includes(wanted)).slice(0, 12);
}
