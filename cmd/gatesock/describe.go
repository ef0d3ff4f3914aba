package main

import "context"

// describeCommand shows a description.
type describeCommand struct {
	application
	JSON bool `help:"Print the description itself, indented, with the doc comments of the types."`
}

// Help is shown below the summary.
func (describeCommand) Help() string {
	return `The program is built for this machine and run with GATESOCK_DESCRIBE=1, which makes gatesock.Start
print what the application is. It reaches nothing on AWS meanwhile. What it needs from its
environment before gatesock.Start is set with --env, unless the program reads it with the method
Value of a gatesock.Need.

    gatesock describe ./cmd/lambda
    gatesock describe --json > api.json`
}

// Run prints the description.
func (c *describeCommand) Run(ctx context.Context, s streams) error {
	app, _, err := c.load(ctx, s)
	if err != nil {
		return err
	}
	out := printer{w: s.out, json: c.JSON}
	if c.JSON {
		return out.object(app)
	}
	return out.app(app)
}
