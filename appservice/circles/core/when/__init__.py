"""Natural-language time, English and Chinese: a reminder's "when" out of a sentence. Pure: no clock, no third party.

`parse_when` is total. It would rather ask (`Ambiguous`) or find nothing (`NotFound`) than guess; what it had to assume
stands in `Found.assumed`, so that the answer can say it.

What is not said                        is read as                                     `assumed`
a day, no time                          09:00; today: the next of 9, 12, 15, 18, 20, 22   time
early morning, 一早, 清晨               07:00                                          time
早上, 明早                              08:00                                          time
morning, 上午                           09:00                                          time
noon, midday, 中午                      12:00                                          (nothing)
afternoon, 下午                         15:00                                          time
傍晚                                    18:00                                          time
evening                                 19:00                                          time
tonight, night, 晚上, 今晚              20:00 (22:00 if that has passed)               time
深夜, 半夜                              23:00                                          time
凌晨                                    05:00                                          time
a time, no day                          its next occurrence                            (nothing)
"at 7", 7:30, 七点; no day              the next of 7 and 19 if the other has passed today, else asks    half
"tomorrow at 7", "every day at 8"       7 to 11: morning; 12: noon; 1 to 6: asks       half
07:30, 19:30                            the 24-hour clock, unless a word (下午) says otherwise   (nothing)
今晚十二点, 晚上一点                    the night's end: the following calendar day    (nothing)
3 May, when that has passed this year   next year's                                    year
every week, every month                 on today's weekday or day                      day
下月初                                  the 1st                                        time, day
a month without that day (31st)         its last day                                   (nothing)

Weeks start on Monday. 下周三 is the Wednesday of the next calendar week, 周三 the coming one (today if still ahead).
"next Friday" asks while this week's is still ahead, and for a day at most two days off; "Friday" said on a Friday asks.
“tomorrow” is the calendar's, also after midnight. Questions (`Ambiguous.question_key`): am_or_pm, which_day,
which_week, which_time, which_night, which_midnight, day_or_month, every_gap, what_time.
Lunar and movable days are NotFound("lunar"), hours as a repeat ("every 2 hours") and lead times ("10 minutes before")
NotFound("unsupported"): half understood would be a wrong guess.
"""

from circles.core.when.resolve import parse_when
from circles.core.when.rest import trim
from circles.core.when.values import Ambiguous, Found, NotFound

__all__ = ["Ambiguous", "Found", "NotFound", "parse_when", "trim"]
