// Package cloudformation configures the emulator from a CloudFormation template, so that what runs
// on this machine has the routes, the route responses, the authorizer and the limits that the
// deployed API has. A route response that the template forgets is missing here too.
//
//	cfg, err := cloudformation.Read(template)
//	if err != nil {
//		log.Fatal(err)
//	}
//	err = emulator.ListenAndServe(ctx, "localhost:3001", router, cfg)
//
// In a test with package wstest, keep the harness's clock and log:
//
//	h := wstest.New(t, router, wstest.WithConfig(func(c *emulator.Config) {
//		cfg.Clock, cfg.Logger = c.Clock, c.Logger
//		*c = cfg
//	}))
//
// # What is read
//
// [Read] reads plain CloudFormation in YAML or JSON, such as "gatesock template" writes: the
// resources of AWS::ApiGatewayV2 that belong to one WebSocket API, and the timeouts of the Lambda
// functions behind it. The API of a SAM template may also be an AWS::Serverless::WebSocketApi,
// which counts as what SAM makes of it: no route response is among that, so that a route answers
// only if the template adds one. All other resources are ignored.
//
// Parameters have their defaults, or the values of [WithParameter]. Functions are evaluated where a
// property needs them: Ref, Fn::Sub, Fn::GetAtt, Fn::Join, Fn::If with all conditions, Fn::Select,
// Fn::Split and Fn::FindInMap, in the short and the long forms. In place of what AWS chooses at
// deployment, such as ids, there are logical ids.
//
// # What is not read
//
// An API of which a part cannot be emulated is an error that names the resource: integrations other
// than AWS_PROXY and MOCK, mapping templates with variables, request models, authorizers that are
// not of type REQUEST. Which function handles a route is not read: the gateway has one handler.
// Custom domains, access logs and resource policies are ignored.
package cloudformation
