package cost

import (
	"strconv"
	"strings"
)

// Amount returns the quantity of a part for people, such as "438,000,000 minutes" or "1.36 GB".
func (p Part) Amount() string {
	if p.Unit == "bytes" {
		return number(p.Quantity/gigabyte) + " GB"
	}
	unit := p.Unit
	if p.Quantity == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return number(p.Quantity) + " " + unit
}

// String returns the price for people, such as "$0.25 for 1,000,000", or "$0.50 for 1 GB". Of
// several prices it returns the first.
func (p Price) String() string {
	dollars := strconv.FormatFloat(p.Dollars, 'f', -1, 64)
	if _, fraction, _ := strings.Cut(dollars, "."); len(fraction) < 2 {
		dollars = strconv.FormatFloat(p.Dollars, 'f', 2, 64)
	}
	per := number(p.Per)
	if p.Unit == "bytes" {
		per = number(p.Per/gigabyte) + " GB"
	}
	return "$" + dollars + " for " + per
}

// Cents returns a sum for people, such as "$1,234.56". A sum that is not nothing is never "$0.00".
func Cents(sum float64) string {
	if sum > 0 && sum < 0.005 {
		return "under $0.01"
	}
	text := strconv.FormatFloat(sum, 'f', 2, 64)
	point := len(text) - len(".00")
	return "$" + thousands(text[:point]) + text[point:]
}

// number returns a whole number from 100 on, and three digits of a smaller one.
func number(n float64) string {
	if n < 100 {
		return strconv.FormatFloat(n, 'g', 3, 64)
	}
	return thousands(strconv.FormatFloat(n, 'f', 0, 64))
}

func thousands(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
