package dev

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// Address is where a stage is served.
type Address struct {
	// API is the name of the API, and Stage that of the stage.
	API   string `json:"api"`
	Stage string `json:"stage"`
	// URL is for clients, and TLS the same with wss.
	URL string `json:"url,omitempty"`
	TLS string `json:"tls,omitempty"`
	// Page is the address of the page.
	Page string `json:"page,omitempty"`
	// Routes are the keys of the routes. Those with an arrow answer.
	Routes []string `json:"routes"`
	// Authorizer is the name of the authorizer's function; empty if anybody may connect.
	Authorizer string `json:"authorizer,omitempty"`
	// Identity are the authorizer's identity sources, which a client must send.
	Identity []string `json:"identitySources,omitempty"`
}

// client returns the address that is shown first.
func (a Address) client() string {
	if a.URL == "" {
		return a.TLS
	}
	return a.URL
}

// routesOf returns the routes of a stage, the special ones first.
func routesOf(s *project.Stage) []string {
	var special, others []string
	for _, r := range s.Config.Routes {
		if strings.HasPrefix(r.Key, "$") {
			special = append(special, r.Key)
		} else {
			others = append(others, r.Key)
		}
	}
	return append(special, others...)
}

// banner is what the command prints when the application runs.
type banner struct {
	name      string // of the package, folder or file
	addresses []Address
	functions []string // names, if there is more than one
	services  []string // what is served beside the API, such as "table chat-Table"
	watching  int      // folders
	workbench string   // its address with the token
	seed      string
}

func (p *Printer) banner(b banner) {
	if p.o.JSON {
		p.object(time.Time{}, record{
			Kind: "ready", Source: b.name, Addresses: b.addresses, Workbench: b.workbench, Seed: b.seed,
		})
		return
	}
	var out strings.Builder
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&out, "  %s %s\n", p.style(dim, pad(label, 10)), text)
		}
	}
	fmt.Fprintf(&out, "\n  %s %s\n\n", p.style(bold, "gatesock dev"), b.name)
	for _, a := range b.addresses {
		label := "address"
		if len(b.addresses) > 1 {
			label = a.API + "/" + a.Stage
		}
		row(label, p.style(green, a.client()))
		if a.URL != "" {
			row("", p.style(dim, a.TLS))
		}
		row("page", a.Page)
		row("routes", wrap(strings.Join(a.Routes, "  "), 13))
		if a.Authorizer != "" {
			row("authorizer", a.Authorizer)
		}
	}
	if len(b.functions) > 1 {
		row("functions", wrap(strings.Join(b.functions, "  "), 13))
	}
	row("beside", wrap(strings.Join(b.services, "  "), 13))
	row("workbench", b.workbench)
	row("seed", b.seed+"; --seed "+b.seed+" makes the same ids and faults again")
	if len(b.addresses) > 0 {
		row("try it", b.addresses[0].try())
	}
	folders := "folders"
	if b.watching == 1 {
		folders = "folder"
	}
	row("watching", fmt.Sprintf("%d %s; Ctrl-C ends everything", b.watching, folders))
	out.WriteString("\n")
	p.print(out.String())
}

// try returns a command line that connects to the address, with what the authorizer wants to see.
func (a Address) try() string {
	url, options, separator := a.client(), "", "?"
	for _, source := range a.Identity {
		if name, ok := strings.CutPrefix(source, "route.request.querystring."); ok {
			url += separator + name + "=…"
			separator = "&"
		}
		if name, ok := strings.CutPrefix(source, "route.request.header."); ok {
			options += " -H '" + name + ": …'"
		}
	}
	if separator == "&" {
		url = "'" + url + "'"
	}
	return "gatesock console" + options + " " + url
}

// wrap breaks a list into lines, with a margin before all but the first.
func wrap(list string, margin int) string {
	const width = 100
	var lines []string
	line := ""
	for item := range strings.SplitSeq(list, "  ") {
		if line != "" && len(line)+2+len(item) > width-margin {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += "  "
		}
		line += item
	}
	return strings.Join(append(lines, line), "\n"+strings.Repeat(" ", margin))
}
