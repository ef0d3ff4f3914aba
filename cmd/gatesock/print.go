package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gatesock/gatesock/authz/apikey"
)

// printer writes keys, plans and usage as tables or as JSON. It writes a secret once, and never a
// hash or the gateway's own key.
type printer struct {
	w    io.Writer
	json bool
	now  time.Time
}

// States of a key.
const (
	active   = "active"
	disabled = "disabled"
	expired  = "expired"
)

func stateOf(k apikey.Key, now time.Time) string {
	switch {
	case k.Disabled:
		return disabled
	case !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now):
		return expired
	default:
		return active
	}
}

// shown is the JSON form of a key.
type shown struct {
	ID         string            `json:"id"`
	Prefix     string            `json:"prefix"`
	Name       string            `json:"name,omitempty"`
	Owner      string            `json:"owner"`
	Plan       string            `json:"plan,omitempty"`
	Scopes     []string          `json:"scopes,omitempty"`
	Roles      []string          `json:"roles,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	// UsageKey reports whether the key has one.
	UsageKey  bool      `json:"usageKey,omitempty"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"createdAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	LastUsed  time.Time `json:"lastUsed,omitzero"`
	// OldUntil is until when the old secret is valid.
	OldUntil time.Time `json:"oldSecretUntil,omitzero"`
	Version  int       `json:"version"`
}

func (p printer) show(k apikey.Key) shown {
	s := shown{
		ID: k.ID, Prefix: k.Prefix, Name: k.Name, Owner: k.Owner, Plan: k.Plan,
		Scopes: k.Scopes, Roles: k.Roles, Attributes: k.Attributes,
		UsageKey: k.UsageKey != "", State: stateOf(k, p.now), Version: k.Version,
		CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, LastUsed: k.LastUsed,
	}
	if k.PreviousValidUntil.After(p.now) {
		s.OldUntil = k.PreviousValidUntil
	}
	return s
}

// made prints a key with its secret.
func (p printer) made(k apikey.Key, secret string) error {
	if p.json {
		return p.object(struct {
			Secret string `json:"secret"`
			Key    shown  `json:"key"`
		}{secret, p.show(k)})
	}
	if err := p.one(k); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.w, "\n%s\n\nThis is the key with its secret. It is shown only once: save it now.\n", secret)
	return err
}

// rotated prints a key with its new secret, and until when the old one is valid.
func (p printer) rotated(k apikey.Key, secret string) error {
	if err := p.made(k, secret); err != nil || p.json {
		return err
	}
	const leaked = "\nThe old secret is valid until %s. If it has leaked, revoke it now:\n  gatesock keys rotate %s --leaked\n"
	const ended = "\nAll earlier secrets are revoked. Processes that have the key in their cache follow within 30 seconds.\n" +
		"Open connections stay open.\n"
	var err error
	if k.PreviousValidUntil.After(p.now) {
		_, err = fmt.Fprintf(p.w, leaked, moment(k.PreviousValidUntil, ""), clean(k.ID))
	} else {
		_, err = fmt.Fprint(p.w, ended)
	}
	return err
}

// one prints a key.
func (p printer) one(k apikey.Key) error {
	s := p.show(k)
	if p.json {
		return p.object(s)
	}
	var attributes []string
	for _, name := range slices.Sorted(maps.Keys(s.Attributes)) {
		attributes = append(attributes, name+"="+s.Attributes[name])
	}
	usageKey := ""
	if s.UsageKey {
		usageKey = "set"
	}
	rows := [][]string{
		{"Id", s.ID},
		{"Name", s.Name},
		{"Owner", s.Owner},
		{"State", s.State},
		{"Plan", s.Plan},
		{"Scopes", strings.Join(s.Scopes, ", ")},
		{"Roles", strings.Join(s.Roles, ", ")},
		{"Attributes", strings.Join(attributes, ", ")},
		{"Usage key", usageKey},
		{"Begins with", s.Prefix + "_" + s.ID + "_"},
		{"Created", moment(s.CreatedAt, "")},
		{"Expires", moment(s.ExpiresAt, "never")},
		{"Last used", moment(s.LastUsed, "never")},
		{"Old secret until", moment(s.OldUntil, "")},
	}
	return p.rows(slices.DeleteFunc(rows, func(row []string) bool { return row[1] == "" }))
}

// list prints keys.
func (p printer) list(keys []apikey.Key) error {
	if p.json {
		all := make([]shown, 0, len(keys))
		for _, k := range keys {
			all = append(all, p.show(k))
		}
		return p.object(all)
	}
	rows := [][]string{{"ID", "NAME", "OWNER", "PLAN", "STATE", "CREATED", "EXPIRES", "LAST USED"}}
	for _, k := range keys {
		s := p.show(k)
		rows = append(rows, []string{
			s.ID, s.Name, s.Owner, s.Plan, s.State, moment(s.CreatedAt, ""), moment(s.ExpiresAt, "never"), moment(s.LastUsed, "never"),
		})
	}
	return p.rows(rows)
}

// gone prints that something is deleted.
func (p printer) gone(what, id string) error {
	if p.json {
		return p.object(struct {
			ID      string `json:"id"`
			Deleted bool   `json:"deleted"`
		}{id, true})
	}
	_, err := fmt.Fprintf(p.w, "Deleted %s %s.\n", what, clean(id))
	return err
}

// object prints a value as JSON.
func (p printer) object(v any) error {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(p.w, escaped(text.String()))
	return err
}

// escaped escapes the characters in JSON that a terminal may act on; encoding/json leaves those
// above ASCII. They occur in strings only.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '\n' || strconv.IsPrint(c):
			b.WriteRune(c)
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}

// rows prints aligned columns, without spaces at the end of a line.
func (p printer) rows(rows [][]string) error {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				_, _ = io.WriteString(w, "\t")
			}
			_, _ = io.WriteString(w, clean(cell))
		}
		_, _ = io.WriteString(w, "\n")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(p.w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// clean quotes text that would move a terminal's cursor or break a column.
func clean(text string) string {
	if !utf8.ValidString(text) {
		return strconv.Quote(text)
	}
	for _, c := range text {
		if !strconv.IsPrint(c) {
			return strconv.Quote(text)
		}
	}
	return text
}

// csvCell puts a quote before a name that a spreadsheet would take for a formula (OWASP, "CSV
// Injection"), and before what follows a semicolon, where cells begin in the spreadsheets of many
// countries.
func csvCell(text string) string {
	cells := strings.Split(clean(text), ";")
	for i, cell := range cells {
		if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(cell, " ")); strings.ContainsRune("=+-@＝＋－＠'", first) {
			cells[i] = "'" + cell
		}
	}
	return strings.Join(cells, ";")
}

func moment(t time.Time, zero string) string {
	if t.IsZero() {
		return zero
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}
