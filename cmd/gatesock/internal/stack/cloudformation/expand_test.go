package cloudformation_test

import "strings"

// expand does to a SAM template what SAM does, as far as our templates use it
// (serverless-application-model, websocket_api_generator.py and sam_resources.py).
func expand(t tree) tree {
	if t["Transform"] == nil {
		return t
	}
	out := clone(t).(tree)
	delete(out, "Transform")
	resources := out["Resources"].(tree)
	for id, r := range t["Resources"].(tree) {
		switch text(r, "Type") {
		case "AWS::Serverless::Function":
			delete(resources, id)
			for name, made := range expandFunction(id, clone(r).(tree)["Properties"].(tree)) {
				resources[name] = made
			}
		case "AWS::Serverless::WebSocketApi":
			delete(resources, id)
			for name, made := range expandAPI(id, clone(r).(tree)["Properties"].(tree)) {
				resources[name] = made
			}
		}
	}
	resolve(out)
	return out
}

// resolve replaces references to what SAM makes, such as MyFunction.Alias.
func resolve(t tree) {
	walk(t, "", func(_ string, m tree) {
		if name, ok := m["Ref"].(string); ok {
			name = strings.Replace(name, "Function.Alias", "FunctionAliaslive", 1)
			m["Ref"] = strings.Replace(name, ".Stage", "Stage", 1)
		}
	})
}

func ref(name string) tree { return tree{"Ref": name} }

func resource(kind string, properties tree) tree {
	for key, value := range properties {
		if value == nil {
			delete(properties, key)
		}
	}
	return tree{"Type": kind, "Properties": properties}
}

func expandFunction(id string, p tree) tree {
	made := tree{}
	if alias := p["AutoPublishAlias"]; alias != nil {
		made[id+"Version"] = resource("AWS::Lambda::Version", tree{"FunctionName": ref(id)})
		made[id+"Alias"+alias.(string)] = resource("AWS::Lambda::Alias", tree{
			"Name": alias, "FunctionName": ref(id), "FunctionVersion": tree{"Fn::GetAtt": []any{id + "Version", "Version"}},
			"ProvisionedConcurrencyConfig": p["ProvisionedConcurrencyConfig"],
		})
	}
	for _, key := range []string{"AutoPublishAlias", "AutoPublishAliasAllProperties", "ProvisionedConcurrencyConfig", "CodeUri"} {
		delete(p, key)
	}
	p["Code"] = tree{"S3Bucket": "uploaded", "S3Key": "by-sam"}
	made[id] = resource("AWS::Lambda::Function", p)
	return made
}

func expandAPI(id string, p tree) tree {
	made := tree{
		id + "Stage": resource("AWS::ApiGatewayV2::Stage", tree{
			"ApiId": ref(id), "StageName": p["StageName"], "AutoDeploy": true,
			"AccessLogSettings": p["AccessLogSettings"], "DefaultRouteSettings": p["DefaultRouteSettings"],
		}),
		id: resource("AWS::ApiGatewayV2::Api", tree{
			"Name": p["Name"], "Description": p["Description"], "ProtocolType": "WEBSOCKET",
			"RouteSelectionExpression": p["RouteSelectionExpression"], "IpAddressType": p["IpAddressType"],
		}),
	}
	const arn = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${"
	if p["Auth"] != nil {
		target := at(p, "Auth", "AuthArn")
		made[id+"ConnectAuthorizer"] = resource("AWS::ApiGatewayV2::Authorizer", tree{
			"ApiId": ref(id), "Name": id + "ConnectAuthorizer", "AuthorizerType": "REQUEST",
			"AuthorizerUri": invocations(target), "IdentitySource": at(p, "Auth", "IdentitySource"),
		})
		made[id+"AuthorizerPermission"] = resource("AWS::Lambda::Permission", tree{
			"Action": "lambda:InvokeFunction", "FunctionName": target, "Principal": "apigateway.amazonaws.com",
			"SourceArn": tree{"Fn::Sub": arn + id + "}/authorizers/*"},
		})
	}
	for key, r := range p["Routes"].(tree) {
		name := id + strings.ToUpper(strings.TrimPrefix(key, "$")[:1]) + strings.ToLower(strings.TrimPrefix(key, "$")[1:])
		target := at(r, "FunctionArn")
		route := tree{
			"ApiId": ref(id), "RouteKey": key, "RouteResponseSelectionExpression": at(r, "RouteResponseSelectionExpression"),
			"Target": tree{"Fn::Join": []any{"/", []any{"integrations", ref(name + "Integration")}}},
		}
		if key == "$connect" && p["Auth"] != nil {
			route["AuthorizationType"], route["AuthorizerId"] = "CUSTOM", ref(id+"ConnectAuthorizer")
		}
		made[name+"Route"] = resource("AWS::ApiGatewayV2::Route", route)
		made[name+"Integration"] = resource("AWS::ApiGatewayV2::Integration", tree{
			"ApiId": ref(id), "IntegrationType": "AWS_PROXY", "IntegrationUri": invocations(target),
		})
		made[name+"Permission"] = resource("AWS::Lambda::Permission", tree{
			"Action": "lambda:InvokeFunction", "FunctionName": target, "Principal": "apigateway.amazonaws.com",
			"SourceArn": tree{"Fn::Sub": []any{arn + id + "}/${__StageName__}/" + key, tree{"__StageName__": p["StageName"]}}},
		})
	}
	return made
}

func invocations(target any) tree {
	return tree{"Fn::Sub": []any{
		"arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${FunctionArn}/invocations",
		tree{"FunctionArn": target},
	}}
}
