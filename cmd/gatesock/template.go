package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/cloudformation"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/seal"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/terraform"
)

// templateCommand writes a template.
type templateCommand struct {
	application
	deployment
	output
	NoAlarms bool   `help:"Leave out the alarms and the dashboard."`
	Format   string `enum:"cloudformation,sam,terraform" default:"cloudformation" help:"The format: ${enum}. Default: ${default}."`
}

// deployment is how an application is deployed, beyond its description.
type deployment struct {
	Name            string     `help:"The name of the service. Default: the name of the module's folder."`
	Function        []function `sep:"none" placeholder:"NAME=ROUTES" help:"A function with these routes and event sources, separated by commas. Without it, one function has everything. May be repeated."`
	Memory          int        `placeholder:"MB" help:"The memory of a function. Default: 256."`
	FunctionTimeout int        `placeholder:"SECONDS" help:"The timeout of a function. Default: 30, or 60 if it reads a queue."`
	Architecture    string     `enum:"arm64,x86_64" default:"arm64" help:"The architecture of the functions: ${enum}. Default: ${default}."`
}

// function is a function of the application, as NAME=ROUTES.
type function stack.Split

// UnmarshalText returns an error unless the text has a name and routes.
func (f *function) UnmarshalText(text []byte) error {
	name, routes, _ := strings.Cut(string(text), "=")
	split := function{Name: name, Routes: strings.Split(routes, ",")}
	for i, key := range split.Routes {
		split.Routes[i] = strings.TrimSpace(key)
		if split.Routes[i] == "" || name == "" {
			return fmt.Errorf("%q is not a function like connect=$connect,$disconnect (in a shell, put it into single quotes)", text)
		}
	}
	*f = split
	return nil
}

// Help is shown below the summary.
func (templateCommand) Help() string {
	return `The template has all that the application needs: the API with its routes, integrations and route
responses, the functions with the rights that they use and no others, tables, queues, schedules,
logs, alarms and a dashboard. What is chosen at deployment is a parameter. When the program changes,
make the template again; a file that was edited by hand is not overwritten without --force.

    gatesock template -o template.yaml
    gatesock template ./cmd/lambda --format sam -o template.yaml
    gatesock template --function connect='$connect,$disconnect,authorizer' --function relay=sqs
    gatesock template --from api.json --format terraform -o main.tf

Functions have the same code. What no --function names goes to the function app. Event sources are
authorizer, http, sqs, sns, dynamodb, kinesis, schedule and eventbridge, alone or with a name as in
sqs:relay.`
}

// Run writes the template.
func (c *templateCommand) Run(ctx context.Context, s streams) error {
	app, folder, err := c.load(ctx, s)
	if err != nil {
		return err
	}
	options := c.options(folder)
	options.NoAlarms = c.NoAlarms
	plan, err := stack.New(app, options)
	if err != nil {
		return bare(err, "stack")
	}
	text, err := c.text(plan)
	if err != nil {
		return bare(err, c.Format)
	}
	return c.write(artifact{text, checkTemplate}, s)
}

// text returns a plan as a template.
func (c *templateCommand) text(plan *stack.Plan) ([]byte, error) {
	switch c.Format {
	case "sam":
		return cloudformation.SAM(plan)
	case "terraform":
		return terraform.Template(plan)
	default:
		return cloudformation.Template(plan)
	}
}

// options returns the options of the plan. Folder is that of the application.
func (d *deployment) options(folder string) stack.Options {
	o := stack.Options{
		Name:         cmp.Or(d.Name, serviceName(folder)),
		Memory:       d.Memory,
		Timeout:      d.FunctionTimeout,
		Architecture: d.Architecture,
	}
	for _, f := range d.Function {
		o.Functions = append(o.Functions, stack.Split(f))
	}
	return o
}

// checkTemplate returns an error for a text that is not as the command has written it.
func checkTemplate(old []byte) error {
	switch {
	case !seal.Edited(old):
		return nil
	case bytes.HasPrefix(old, []byte("# gatesock template")):
		return errors.New("was edited by hand since gatesock template wrote it: move what you have added to a file of its own")
	}
	return errors.New("was not written by gatesock template: choose another file")
}
