package stack

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

// Parameter is a value that is chosen at deployment.
type Parameter struct {
	Name string
	// Description is for people, in one line. It is to be quoted, as is Default.
	Description string
	// Number reports whether it is a number; otherwise it is a string.
	Number bool
	// Default is the value if none is chosen, unless it is Required. The default of a string may be
	// empty.
	Default  string
	Required bool
	// Min and Max bound a number if one of them is not zero.
	Min, Max int
	// Values are the only values that there may be; nil if there are others.
	Values []string
	// Pattern is a regular expression for the whole value, or empty.
	Pattern string
	// Variable is the environment variable of a setting of the application; empty for others.
	Variable string
	// IoT reports whether it is the host of the data endpoint of AWS IoT. A format that can look it up
	// leaves the parameter out.
	IoT bool
}

// Names of parameters of each plan.
const (
	StageName       = "StageName"
	ThrottlingRate  = "ThrottlingRate"
	ThrottlingBurst = "ThrottlingBurst"
	LogRetention    = "LogRetentionDays"
	AccountLogRole  = "AccountLogRole"
	DomainName      = "DomainName"
	Certificate     = "CertificateArn"
)

// maxValue is the size of all environment variables of a function together.
const maxValue = 4096

// parameters adds the parameters.
func (b *builder) parameters() {
	for _, n := range b.app.Needs {
		if n.Kind == "setting" {
			if len(n.Default) > maxValue {
				b.fail("the default of the setting %s has %d bytes, and can have %d", n.Variable, len(n.Default), maxValue)
			}
			b.addParameter(setting(n))
		}
		if n.Kind == "iot" {
			b.addParameter(Parameter{
				Name: fromVariable(n.Variable), Required: true, IoT: true, Pattern: `[a-z0-9-]+(\.[a-z0-9-]+)+`,
				Description: "The host of the account's data endpoint of AWS IoT in this Region, which is the output of " +
					"aws iot describe-endpoint --endpoint-type iot:Data-ATS",
			})
		}
	}
	for _, s := range b.plan.Sources {
		b.sourceParameters(s)
	}
	b.addParameter(Parameter{
		Name: StageName, Default: "prod", Pattern: "[A-Za-z0-9_-]{1,128}",
		Description: "The stage, which is the path of the URL.",
	})
	b.addParameter(Parameter{
		Name: ThrottlingRate, Number: true, Default: "1000", Min: 1, Max: 1000000,
		Description: "Messages per second of all clients together, on one route.",
	})
	b.addParameter(Parameter{
		Name: ThrottlingBurst, Number: true, Default: "500", Min: 1, Max: 1000000,
		Description: "Messages at once, above which the rate counts.",
	})
	for i := range b.plan.Functions {
		b.functionParameters(&b.plan.Functions[i])
	}
	b.addParameter(Parameter{
		Name: LogRetention, Number: true, Default: "30", Values: retentions(),
		Description: "How many days the logs are kept.",
	})
	b.addParameter(Parameter{
		Name: AccountLogRole, Default: "false", Values: []string{"true", "false"},
		Description: "true to create the role for access logs, which an account needs once in each Region.",
	})
	b.addParameter(Parameter{
		Name:        DomainName,
		Description: "A domain of yours, such as ws.example.com. Empty for the domain of API Gateway only.",
	})
	b.addParameter(Parameter{
		Name:        Certificate,
		Description: "The ARN of the certificate for the domain, which AWS Certificate Manager has.",
	})
	for _, p := range b.alarmParameters() {
		b.addParameter(p)
	}
}

// retentions are the numbers of days that CloudWatch Logs knows.
func retentions() []string {
	return []string{
		"1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731",
		"1096", "1827", "2192", "2557", "2922", "3288", "3653",
	}
}

func setting(n describe.Need) Parameter {
	description := shortened(strings.Join(strings.Fields(n.Description), " "))
	if n.Example != "" {
		description = strings.TrimSpace(description + " Such as: " + shortened(n.Example))
	}
	return Parameter{
		Name:        fromVariable(n.Variable),
		Description: cmp.Or(description, "The variable "+n.Variable+" of the program."),
		Default:     n.Default,
		Required:    n.Default == "" && !n.Optional,
		Variable:    n.Variable,
	}
}

// shortened returns a text of at most 1,000 characters: a description can have 4,000 bytes.
func shortened(s string) string {
	const most = 1000
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

func (b *builder) sourceParameters(s Source) {
	if s.From.Parameter != "" {
		b.addParameter(Parameter{
			Name: s.From.Parameter, Required: true, Pattern: "arn:.+",
			Description: "The ARN of the " + outsideName(s.From.Kind) + " whose events the program gets.",
		})
	}
	if s.Parameter != "" {
		b.addParameter(Parameter{
			Name: s.Parameter, Default: "rate(5 minutes)", Pattern: `(rate|cron|at)\(.+\)`,
			Description: fmt.Sprintf("When the schedule %s is due.", s.Schedule),
		})
	}
}

// outsideName returns the words for a kind of resource outside.
func outsideName(kind Kind) string {
	switch kind {
	case QueueKind:
		return "queue"
	case TopicKind:
		return "topic"
	case TableStream:
		return "stream of the table"
	default:
		return "stream"
	}
}

// functionParameters adds the parameters of a function. Only functions that API Gateway waits for
// have provisioned concurrency.
func (b *builder) functionParameters(f *Function) {
	b.addParameter(Parameter{
		Name: f.ReservedConcurrency, Number: true, Default: "0", Min: 0, Max: 100000,
		Description: fmt.Sprintf("How many invocations of the function %s run at once, at most. 0 for no limit of its own.", f.Name),
	})
	if len(f.Routes) == 0 && !f.Authorizer {
		return
	}
	f.ProvisionedConcurrency = f.ID + "ProvisionedConcurrency"
	b.addParameter(Parameter{
		Name: f.ProvisionedConcurrency, Number: true, Default: "0", Min: 0, Max: 100000,
		Description: fmt.Sprintf("How many environments of the function %s are kept ready. 0 for none.", f.Name),
	})
}

// addParameter adds a parameter, unless its name is taken.
func (b *builder) addParameter(p Parameter) {
	what := "the parameter " + p.Name
	if p.Variable != "" {
		what = "the setting " + p.Variable
	}
	if b.claim(what, p.Name, "") {
		b.plan.Parameters = append(b.plan.Parameters, p)
	}
}
