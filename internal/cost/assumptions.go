package cost

import (
	"fmt"
	"strconv"
)

// assumptions returns what the bill rests on.
func (t Traffic) assumptions(p Prices) []string {
	all := []string{
		fmt.Sprintf("A month has %d hours. Prices are those of %s on demand, as of %s, in US dollars without tax. "+
			"Free tiers and discounts are not included.", HoursPerMonth, p.Region, p.Date),
		t.aboutKeepAlives(),
		fmt.Sprintf("A message takes %s bytes and is metered as %s for each receiver, in steps of 32 KB. %s",
			number(t.MessageSize), plural(metered(t.MessageSize), "message"), t.aboutReplies()),
		"The function runs for $connect, $disconnect and each message, " + t.Duration.String() + " each, " +
			"and 10 ms more for each 64 receivers. Authorizers, queues, schedules, retries and cold starts are not included.",
	}
	if t.Registry {
		all = append(all, fmt.Sprintf("Each connection has a user, %s from the beginning and %s later, as package dynamo stores them; "+
			"a message with receivers reads one group. Limits, sweeps, tickets, keys and backups are not included: docs/costs.md has them.",
			plural(t.Groups, "group"), plural(t.Joins, "more group")))
	}
	return append(all,
		fmt.Sprintf("The function logs %s bytes in each invocation, and API Gateway %d bytes for each event, keep-alives too. "+
			"Storing and reading logs is not included, nor are queries of metrics.", number(t.LogBytes), AccessBytes),
		"AWS does not document whether handshakes are metered as messages: they are not counted.",
	)
}

func (t Traffic) aboutKeepAlives() string {
	switch {
	case t.KeepAlive == 0:
		return "No client sends keep-alives: API Gateway closes a connection that is silent for 10 minutes."
	case t.Silent == 0:
		return "No connection is silent, so that no client sends keep-alives."
	}
	return fmt.Sprintf("%s%% of the connections are silent: their clients send a keep-alive every %s minutes, %s in %s minutes, "+
		"since API Gateway closes a connection that is silent for 10 minutes. It answers them itself "+
		"(gatesock.WithKeepAlive), without an invocation. The keep-alive and its reply are a message each: AWS charges for "+
		"both directions and names no exception for replies that it makes itself.",
		decimal(t.Silent), decimal(t.KeepAlive), decimal(t.keepAlives()), decimal(t.Minutes))
}

func (t Traffic) aboutReplies() string {
	if t.Reply {
		return fmt.Sprintf("It is answered by a reply of %d bytes.", ReplyBytes)
	}
	return "It gets no reply: its route is one-way."
}

// plural returns a number with its noun.
func plural(n float64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return decimal(n) + " " + noun + "s"
}

// decimal returns a number as it is.
func decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
