"use strict";
// Runs the vendor's client against the address in SANDBOX_URL and prints what it gave back, call by call.
const endpoints = require("@periskope/periskope-client/dist/constants/endpoints");
endpoints.PROD_URI = process.env.SANDBOX_URL;
const { PeriskopeApi } = require("@periskope/periskope-client");

const { SANDBOX_KEY: authToken, SANDBOX_PHONE: phone } = process.env;
const client = new PeriskopeApi({ authToken, phone });
const results = {};

async function note(name, promise) {
  const { data, error, status } = await promise;
  results[name] = { data, status, error: error && { message: error.message, code: error.code, statusCode: error.statusCode } };
  return data;
}

async function run() {
  const people = ["919537851844", "918527184400"];
  const options = { description: "Daily", messagesAdminsOnly: true };
  const group = await note("create", client.group.create({ group_name: "Stand-up", participants: people, options }));
  const chat_id = group.chat_id;
  await note("chats", client.chat.getChats({ offset: 0, limit: 2000, chat_type: "group" }));
  await note("chat", client.chat.getChatById({ chat_id }));
  await note("add", client.group.addParticipant({ chat_id, participants: ["919874532456"], force_add_participants: true }));
  await note("promote", client.group.promoteParticipant({ chat_id, participants: ["919874532456"] }));
  await note("demote", client.group.demoteParticipant({ chat_id, participants: ["919874532456"] }));
  await note("remove", client.group.removeParticipant({ chat_id, participants: ["919874532456"] }));
  await note("settings", client.group.updateSettings({ chat_id, name: "Retro", infoAdminsOnly: true }));
  await note("invite", client.group.generateInviteLink({ chat_id }));
  await note("send", client.message.send({ chat_id, message: "Hello" }));
  await note("phone", client.phone.info());
  await note("phones", client.phone.getAll());
  await note("restart", client.phone.restart());
  await note("leave", client.group.leaveGroup({ chat_id }));
  await note("no chat", client.chat.getChatById({ chat_id: "120363000000000000@g.us" }));
  await note("bad limit", client.chat.getChats({ offset: 0, limit: 3000 }));
  await note("no name", client.group.create({ participants: people }));
  const stranger = new PeriskopeApi({ authToken: "wrong", phone });
  await note("wrong key", stranger.phone.info());
  process.stdout.write(JSON.stringify(results));
}

run();
