// Package iampattern matches the wildcards of IAM policies (IAM User Guide, "IAM JSON policy
// elements: Resource" and "Condition operators"): "*" is any text, and "?" any character.
package iampattern

import (
	"slices"
	"strings"
)

// MatchARN reports whether a pattern matches an ARN: part by part, so that a "*" does not cross a
// colon before the last part. A single "*" matches every ARN.
func MatchARN(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	return slices.EqualFunc(strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6), Match)
}

// Match reports whether a pattern matches a text, in time proportional to the product of their
// lengths.
func Match(pattern, text string) bool {
	p, t, star, from := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
