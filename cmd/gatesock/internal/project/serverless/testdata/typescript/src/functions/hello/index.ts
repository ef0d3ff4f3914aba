import { handlerPath } from '../../libs/handler';

enum Route { Default = '$default' }

export default {
  handler: `${handlerPath(__dirname)}/handler.main`,
  events: [{ websocket: { route: Route.Default, authorizer: undefined } }],
};
