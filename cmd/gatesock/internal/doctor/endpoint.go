package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/internal/partition"
)

// domain is what is known about a custom domain.
type domain struct {
	state    state
	mappings []types.ApiMapping
}

// endpoint is the URL of an @connections API.
type endpoint struct {
	host, path  string
	api, region string // empty for a custom domain
}

// parseEndpoint reads the URL of an @connections API.
func parseEndpoint(text string) (endpoint, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return endpoint{}, fmt.Errorf(
			"it is not a URL like https://ID.execute-api.REGION.amazonaws.com/STAGE: %s", oneLine(text),
		)
	}
	e := endpoint{host: strings.ToLower(u.Hostname()), path: strings.Trim(u.Path, "/")}
	if labels := strings.Split(e.host, "."); len(labels) > 3 && labels[1] == "execute-api" {
		e.api, e.region = labels[0], labels[2]
	}
	return e, nil
}

// readDomain reads the mappings of the custom domain that a URL names.
func (x *examination) readDomain(ctx context.Context, text string) error {
	e, err := parseEndpoint(text)
	if err != nil || e.api != "" || x.domains[e.host] != nil {
		return nil //nolint:nilerr // checkEndpoint reports what is not a URL
	}
	q := question{PartFunctions, getAPI, "the domain " + oneLine(e.host)}
	d := new(domain)
	x.domains[e.host] = d
	d.mappings, d.state, err = askAll(ctx, x.report, q, func(ctx context.Context, token *string) (
		[]types.ApiMapping, *string, error,
	) {
		out, err := x.clients.Gateway.GetApiMappings(
			ctx, &apigatewayv2.GetApiMappingsInput{DomainName: &e.host, NextToken: token},
		)
		if err != nil {
			return nil, nil, err
		}
		return out.Items, out.NextToken, nil
	})
	if bad := new(types.BadRequestException); errors.As(err, &bad) { // not a name that a domain may have
		d.state = absent
		return nil
	}
	return err
}

// checkEndpoint checks the URL of the @connections API that a function has.
func (x *examination) checkEndpoint(f *function, n describe.Need, value string) {
	const effect = "The application's messages reach no client of this stage."
	suffix := "amazonaws.com"
	if p, ok := partition.Of(x.region(f)); ok {
		suffix = p.Suffix
	}
	want := fmt.Sprintf("https://%s.execute-api.%s.%s/%s", x.target.API, x.region(f), suffix, x.target.Stage)
	fix := fmt.Sprintf("Set %s to %s, or to the URL of a custom domain that is mapped to this stage.", n.Variable, want)
	wrong := func(problem string) {
		x.functionFinding(f, Error, "variable-endpoint", fmt.Sprintf("%s %s", n.Variable, problem), effect, fix)
	}
	e, err := parseEndpoint(value)
	switch {
	case err != nil:
		wrong("is wrong: " + err.Error())
	case e.api == "":
		x.checkDomain(e, wrong)
	case e.api != x.target.API:
		wrong("names another API, " + oneLine(e.api))
	case x.region(f) != "" && e.region != x.region(f):
		wrong("names another region, " + oneLine(e.region))
	case e.path != x.target.Stage:
		wrong(fmt.Sprintf("names another stage, %q", oneLine(e.path)))
	}
}

// checkDomain checks that a custom domain is mapped to the stage. Its URLs have the key of the
// mapping in place of the stage.
func (x *examination) checkDomain(e endpoint, wrong func(problem string)) {
	d := x.domains[e.host]
	switch {
	case d == nil || d.state == unread:
		return
	case d.state == absent:
		wrong("names a custom domain that does not exist in this region: " + oneLine(e.host))
		return
	}
	paths := []string{}
	for _, m := range d.mappings {
		if aws.ToString(m.ApiId) != x.target.API || aws.ToString(m.Stage) != x.target.Stage {
			continue
		}
		if aws.ToString(m.ApiMappingKey) == e.path {
			return
		}
		paths = append(paths, fmt.Sprintf("%q", aws.ToString(m.ApiMappingKey)))
	}
	if len(paths) == 0 {
		wrong("names a custom domain that is not mapped to this stage: " + oneLine(e.host))
		return
	}
	wrong(fmt.Sprintf("has the path %q, and the domain maps %s to this stage", oneLine(e.path), strings.Join(paths, ", ")))
}
