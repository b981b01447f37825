// What `mongo-set` of compose.yaml runs, as often as you like.
const password = require("fs").readFileSync("/run/secrets/mongo.password", "utf8").trim();
db.getSiblingDB("admin").auth("ficha", password);
try {
  rs.status();
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "mongo:27017" }] });
}
while (!db.hello().isWritablePrimary) sleep(200);
